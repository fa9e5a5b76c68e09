"""What is said in a call centre, with its translation, and the terms that the translation must keep to."""

from __future__ import annotations

from dataclasses import dataclass

from services.shared.glossary import Term


@dataclass(frozen=True)
class Sentence:
    """A sentence, its translation by a person, and its terms."""

    text: str
    reference: str
    terms: tuple[Term, ...]


def _sentence(text: str, reference: str, *terms: str) -> Sentence:
    """A term is "claim=sinistro", or a name that stays."""
    pairs = (term.partition("=") for term in terms)
    return Sentence(text, reference, tuple(Term(source, target or source) for source, _, target in pairs))


EN_PT = [
    _sentence(
        "My Platinum Care Plus plan should cover the windscreen.",
        "O meu plano Platinum Care Plus deve cobrir o para-brisa.",
        "Platinum Care Plus",
    ),
    _sentence(
        "I want to open a claim for the accident.",
        "Quero abrir um sinistro por causa do acidente.",
        "claim=sinistro",
    ),
    _sentence("What is the status of my claim?", "Qual é a situação do meu sinistro?", "claim=sinistro"),
    _sentence("Your claim was approved yesterday.", "Seu sinistro foi aprovado ontem.", "claim=sinistro"),
    _sentence(
        "Does Brightline offer a discount for students?",
        "A Brightline oferece desconto para estudantes?",
        "Brightline",
    ),
    _sentence(
        "Welcome to Brightline, how can I help you today?",
        "Bem-vindo à Brightline, como posso ajudar hoje?",
        "Brightline",
    ),
    _sentence(
        "The deductible is five hundred dollars.",
        "A franquia é de quinhentos dólares.",
        "deductible=franquia",
    ),
    _sentence(
        "Do I have to pay the deductible again?", "Preciso pagar a franquia de novo?", "deductible=franquia"
    ),
    _sentence(
        "I would like to upgrade to Home Shield today.",
        "Gostaria de mudar para o Home Shield hoje.",
        "Home Shield",
    ),
    _sentence(
        "Home Shield includes water damage.", "O Home Shield inclui danos causados por água.", "Home Shield"
    ),
    _sentence(
        "The Nimbra Flex router keeps restarting.", "O roteador Nimbra Flex fica reiniciando.", "Nimbra Flex"
    ),
    _sentence(
        "Please unplug your Nimbra Flex and wait a minute.",
        "Por favor, desligue o seu Nimbra Flex da tomada e espere um minuto.",
        "Nimbra Flex",
    ),
    _sentence(
        "Your policy expires at the end of the month.", "Sua apólice vence no fim do mês.", "policy=apólice"
    ),
    _sentence(
        "I need a copy of my policy by email.",
        "Preciso de uma cópia da minha apólice por e-mail.",
        "policy=apólice",
    ),
    _sentence(
        "The adjuster will call you tomorrow morning.",
        "O perito vai ligar para você amanhã de manhã.",
        "adjuster=perito",
    ),
    _sentence(
        "When will the adjuster visit my house?",
        "Quando o perito vai visitar a minha casa?",
        "adjuster=perito",
    ),
    _sentence(
        "I was charged twice on my statement.", "Fui cobrado duas vezes na minha fatura.", "statement=fatura"
    ),
    _sentence(
        "Can you send me the last statement?", "Você pode me enviar a última fatura?", "statement=fatura"
    ),
    _sentence("We have a hold on your account.", "Temos um bloqueio na sua conta.", "hold=bloqueio"),
    _sentence(
        "Your Smart Start bundle includes two lines.",
        "Seu pacote Smart Start inclui duas linhas.",
        "Smart Start",
    ),
    _sentence("I never received the Smart Start kit.", "Nunca recebi o kit Smart Start.", "Smart Start"),
    _sentence(
        "The outage affects the whole neighborhood.",
        "A interrupção de serviço afeta todo o bairro.",
        "outage=interrupção de serviço",
    ),
    _sentence(
        "Is there an outage in my area?",
        "Há uma interrupção de serviço na minha área?",
        "outage=interrupção de serviço",
    ),
    _sentence(
        "I want to cancel my Gold Saver account.", "Quero cancelar a minha conta Gold Saver.", "Gold Saver"
    ),
    _sentence(
        "Gold Saver has no monthly fee.",
        "A Gold Saver não tem tarifa mensal.",
        "Gold Saver",
        "monthly fee=tarifa mensal",
    ),
    _sentence(
        "Can I transfer my claim to Platinum Care Plus?",
        "Posso transferir o meu sinistro para o Platinum Care Plus?",
        "claim=sinistro",
        "Platinum Care Plus",
    ),
    _sentence(
        "Our agent at Brightline opened a ticket for your claim.",
        "Nosso atendente na Brightline abriu um chamado para o seu sinistro.",
        "agent=atendente",
        "Brightline",
        "ticket=chamado",
        "claim=sinistro",
    ),
    _sentence(
        "I spoke with an agent last week.", "Falei com um atendente na semana passada.", "agent=atendente"
    ),
    _sentence(
        "Please open a ticket for this problem.",
        "Por favor, abra um chamado para este problema.",
        "ticket=chamado",
    ),
    _sentence(
        "The ticket was closed without an answer.", "O chamado foi encerrado sem resposta.", "ticket=chamado"
    ),
    _sentence(
        "Press the Quick Pay button on the screen.", "Pressione o botão Quick Pay na tela.", "Quick Pay"
    ),
    _sentence(
        "My roadside assistance never arrived.",
        "Minha assistência 24 horas nunca chegou.",
        "roadside assistance=assistência 24 horas",
    ),
]
PT_EN = [
    _sentence(
        "Quero abrir um sinistro por causa do acidente.",
        "I want to open a claim because of the accident.",
        "sinistro=claim",
    ),
    _sentence("O meu sinistro foi recusado.", "My claim was denied.", "sinistro=claim"),
    _sentence("A franquia é muito alta.", "The deductible is very high.", "franquia=deductible"),
    _sentence("Quanto custa a franquia?", "How much is the deductible?", "franquia=deductible"),
    _sentence("Minha apólice venceu ontem.", "My policy expired yesterday.", "apólice=policy"),
    _sentence(
        "O plano Família Total inclui internet?",
        "Does the Família Total plan include internet?",
        "Família Total",
    ),
    _sentence("Quero mudar para o Família Total.", "I want to switch to Família Total.", "Família Total"),
    _sentence("A Conta Certa não cobra tarifa.", "Conta Certa charges no fee.", "Conta Certa"),
    _sentence("Não consigo entrar no Conta Certa.", "I can't log in to Conta Certa.", "Conta Certa"),
    _sentence(
        "Preciso da segunda via do boleto.", "I need a copy of the payment slip.", "boleto=payment slip"
    ),
    _sentence(
        "O boleto venceu na sexta-feira.", "The payment slip was due on Friday.", "boleto=payment slip"
    ),
    _sentence(
        "O guincho vai chegar em uma hora.", "The tow truck will arrive in an hour.", "guincho=tow truck"
    ),
    _sentence("Liguei para a Vida Nova ontem.", "I called Vida Nova yesterday.", "Vida Nova"),
    _sentence("A Vida Nova cancelou o meu contrato.", "Vida Nova cancelled my contract.", "Vida Nova"),
    _sentence("O perito não apareceu.", "The adjuster did not show up.", "perito=adjuster"),
    _sentence("Abri um chamado na semana passada.", "I opened a ticket last week.", "chamado=ticket"),
]

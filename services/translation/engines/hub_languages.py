"""What Marian, M2M100 and NLLB-200 call languages, and what BCP-47 calls them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Final


def _words(text: str) -> list[str]:
    return text.split()


# Three letters of ISO 639-3 and 639-2, as FLORES and Marian's newer models write languages, where BCP-47 has
# two. Several may mean one: FLORES has "arb" where Marian has "ara".
_SHORT: Final = dict(
    entry.split("=")
    for entry in _words(
        """
    afr=af aka=ak als=sq amh=am ara=ar arb=ar arg=an asm=as aym=ay ayr=ay aze=az azj=az bak=ba bam=bm
    bel=be ben=bn bod=bo bos=bs bre=br bul=bg cat=ca ces=cs cmn=zh cor=kw cos=co cym=cy dan=da deu=de
    div=dv dzo=dz ell=el eng=en epo=eo est=et eus=eu ewe=ee fao=fo fas=fa fij=fj fin=fi fra=fr fry=fy
    ful=ff fuv=ff gaz=om gla=gd gle=ga glg=gl glv=gv grn=gn guj=gu hat=ht hau=ha hbs=sh heb=he hin=hi
    hrv=hr hun=hu hye=hy ibo=ig ido=io ile=ie ina=ia ind=id isl=is ita=it jap=ja jav=jv jpn=ja kal=kl
    kan=kn kas=ks kat=ka kaz=kk khk=mn khm=km kik=ki kin=rw kir=ky kmr=ku knc=kr kon=kg kor=ko kur=ku
    lao=lo lat=la lav=lv lim=li lin=ln lit=lt ltz=lb lug=lg lvs=lv mal=ml mar=mr mkd=mk mlg=mg mlt=mt
    mon=mn mri=mi msa=ms mya=my nav=nv nep=ne nld=nl nno=nn nob=nb nor=no npi=ne nya=ny oci=oc ori=or
    orm=om ory=or pan=pa pbt=ps pes=fa plt=mg pol=pl por=pt pus=ps que=qu quy=qu roh=rm ron=ro run=rn
    rus=ru sag=sg san=sa sin=si slk=sk slv=sl sme=se smo=sm sna=sn snd=sd som=so sot=st spa=es sqi=sq
    srd=sc srp=sr ssw=ss sun=su swa=sw swe=sv swh=sw tah=ty tam=ta tat=tt tel=te tgk=tg tgl=tl tha=th
    tir=ti ton=to tsn=tn tso=ts tuk=tk tur=tr twi=tw uig=ug ukr=uk urd=ur uzb=uz uzn=uz vie=vi vol=vo
    wln=wa wol=wo xho=xh ydd=yi yid=yi yor=yo zho=zh zsm=ms zul=zu pob=pt-BR ns=nso
        """
    )
)
# FLORES-200, which NLLB-200 was made for. Of a language in two scripts the first is what its plain tag means.
_FLORES: Final = _words(
    """
    ace_Latn ace_Arab acm_Arab acq_Arab aeb_Arab afr_Latn ajp_Arab aka_Latn als_Latn amh_Ethi apc_Arab
    arb_Arab ars_Arab ary_Arab arz_Arab asm_Beng ast_Latn awa_Deva ayr_Latn azb_Arab azj_Latn bak_Cyrl
    bam_Latn ban_Latn bel_Cyrl bem_Latn ben_Beng bho_Deva bjn_Latn bjn_Arab bod_Tibt bos_Latn bug_Latn
    bul_Cyrl cat_Latn ceb_Latn ces_Latn cjk_Latn ckb_Arab crh_Latn cym_Latn dan_Latn deu_Latn dik_Latn
    dyu_Latn dzo_Tibt ell_Grek eng_Latn epo_Latn est_Latn eus_Latn ewe_Latn fao_Latn fij_Latn fin_Latn
    fon_Latn fra_Latn fur_Latn fuv_Latn gaz_Latn gla_Latn gle_Latn glg_Latn grn_Latn guj_Gujr hat_Latn
    hau_Latn heb_Hebr hin_Deva hne_Deva hrv_Latn hun_Latn hye_Armn ibo_Latn ilo_Latn ind_Latn isl_Latn
    ita_Latn jav_Latn jpn_Jpan kab_Latn kac_Latn kam_Latn kan_Knda kas_Arab kas_Deva kat_Geor kaz_Cyrl
    kbp_Latn kea_Latn khk_Cyrl khm_Khmr kik_Latn kin_Latn kir_Cyrl kmb_Latn kmr_Latn knc_Latn knc_Arab
    kon_Latn kor_Hang lao_Laoo lij_Latn lim_Latn lin_Latn lit_Latn lmo_Latn ltg_Latn ltz_Latn lua_Latn
    lug_Latn luo_Latn lus_Latn lvs_Latn mag_Deva mai_Deva mal_Mlym mar_Deva min_Latn mkd_Cyrl mlt_Latn
    mni_Beng mos_Latn mri_Latn mya_Mymr nld_Latn nno_Latn nob_Latn npi_Deva nso_Latn nus_Latn nya_Latn
    oci_Latn ory_Orya pag_Latn pan_Guru pap_Latn pbt_Arab pes_Arab plt_Latn pol_Latn por_Latn prs_Arab
    quy_Latn ron_Latn run_Latn rus_Cyrl sag_Latn san_Deva sat_Beng scn_Latn shn_Mymr sin_Sinh slk_Latn
    slv_Latn smo_Latn sna_Latn snd_Arab som_Latn sot_Latn spa_Latn srd_Latn srp_Cyrl ssw_Latn sun_Latn
    swe_Latn swh_Latn szl_Latn tam_Taml taq_Latn taq_Tfng tat_Cyrl tel_Telu tgk_Cyrl tgl_Latn tha_Thai
    tir_Ethi tpi_Latn tsn_Latn tso_Latn tuk_Latn tum_Latn tur_Latn twi_Latn tzm_Tfng uig_Arab ukr_Cyrl
    umb_Latn urd_Arab uzn_Latn vec_Latn vie_Latn war_Latn wol_Latn xho_Latn ydd_Hebr yor_Latn yue_Hant
    zho_Hans zho_Hant zsm_Latn zul_Latn
    """
)
_M2M100: Final = _words(
    """
    af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr fy ga gd gl gu ha he hi hr
    ht hu hy id ig ilo is it ja jv ka kk km kn ko lb lg ln lo lt lv mg mk ml mn mr ms my ne nl no ns oc or
    pa pl ps pt ro ru sd si sk sl so sq sr ss su sv sw ta th tl tn tr uk ur uz vi wo xh yi yo zh zu
    """
)
# What people may also ask for, beside the tag that the table gives.
_ALIASES: Final = {"no": "nb", "nb": "no", "fil": "tl"}
# Three letters that FLORES has no short form for, and Marian's models may be named after.
_LONG: Final = frozenset(code.partition("_")[0] for code in _FLORES) | set(_SHORT)


class Kind(StrEnum):
    """A family of checkpoints: each tells a language in its own way."""

    MARIAN = "marian"
    M2M100 = "m2m100"
    NLLB = "nllb"

    def token(self, code: str) -> str:
        """Return the piece of the vocabulary that stands for one of its codes."""
        return {Kind.MARIAN: f">>{code}<<", Kind.M2M100: f"__{code}__", Kind.NLLB: code}[self]

    def codes(self, vocabulary: Collection[str]) -> dict[str, str]:
        """Return the model's own codes by BCP-47 tag.

        Args:
            vocabulary: The model's pieces: only languages that it has a token for count.
        """
        known = {Kind.MARIAN: _marked(vocabulary), Kind.M2M100: _M2M100, Kind.NLLB: _FLORES}[self]
        found: dict[str, str] = {}
        for code in known:
            if self.token(code) in vocabulary:
                # "pt_BR" beside no "pt" is what to translate Portuguese with.
                found.setdefault(alone(tag(code)), code)
                found.setdefault(tag(code), code)
        for alias, known_as in _ALIASES.items():
            if known_as in found and self is not Kind.MARIAN:
                found.setdefault(alias, found[known_as])
        return found


def tag(code: str) -> str:
    """Return a code as BCP-47: "pt" for "por", "zh-Hans" for "zho_Hans", "pt-BR" for "pt_br"."""
    language, *rest = code.replace("-", "_").split("_")
    kept = [_subtag(each) for each in rest]
    return "-".join([_SHORT.get(language.lower(), language.lower()), *kept])


def is_language(code: str) -> bool:
    """Tell a language from a family of them, such as "ROMANCE", "mul" or "zle"."""
    language = code.replace("-", "_").partition("_")[0]
    return language.islower() and (len(language) == 2 or language in _LONG)  # noqa: PLR2004 - two letters


def code_of(codes: Mapping[str, str], wanted: str) -> str | None:
    """Return the model's code for a tag, else for the language alone."""
    return codes.get(wanted) or codes.get(alone(wanted))


def alone(whole: str) -> str:
    """Return a tag's language without script and region."""
    return whole.partition("-")[0]


def _marked(vocabulary: Collection[str]) -> Iterator[str]:
    """Yield the codes between >> and <<: those that name the language alone first."""
    codes = [each[2:-2] for each in vocabulary if each.startswith(">>") and each.endswith("<<")]
    # Chinese without more is written in simplified characters.
    return iter(
        sorted(
            filter(is_language, codes), key=lambda code: (tag(code) != "zh-Hans", tag(code).count("-"), code)
        )
    )


def _subtag(text: str) -> str:
    """Write a script as Latn and a region as BR."""
    return text.title() if len(text) == 4 else text.upper()  # noqa: PLR2004 - ISO 15924 has four letters

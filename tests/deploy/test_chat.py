"""The way out for the one engine that sends what was said to another machine."""

from __future__ import annotations

from pathlib import Path

from tests.deploy.cluster import extended_by
from tests.deploy.network import DNS, INTERNET, Peer, allowed, peer
from tests.deploy.test_network import PRIVATE


def test_a_chat_engine_opens_the_way_to_public_addresses_for_translation_alone(tmp_path: Path) -> None:
    cluster = extended_by("chat", tmp_path)
    for each in (each for each in cluster.workloads if each.role == "server"):
        chats = each.name == "translation"
        assert allowed(cluster, peer(each), INTERNET, 443) == chats, each.name
        assert allowed(cluster, peer(each), DNS, 53, "UDP") == chats, each.name
        assert not allowed(cluster, peer(each), INTERNET, 80)
        for private in PRIVATE:
            assert not allowed(cluster, peer(each), Peer(address=private), 443), (each.name, private)


def test_only_the_translation_server_holds_the_key(tmp_path: Path) -> None:
    cluster = extended_by("chat", tmp_path)
    key = "DRAGOMAN_TRANSLATION_CHAT_KEY"
    assert [each.name for each in cluster.lasting if key in cluster.environment(each.app)] == ["translation"]

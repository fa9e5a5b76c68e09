"""Every shape of job runs through the ledger to its end, whole or with holes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Child, Claim, Output
from services.shared.tasks import DECODE, ENCODE, SEGMENT, SYNTHESIZE, TRANSCRIBE, TRANSLATE, Hint
from tests.support.calls import (
    KINDS,
    POISON,
    audit,
    begin,
    fields,
    finishing,
    graph,
    new_job,
    play,
    play_until,
    ready,
    silence,
    states,
    take,
    two_channels,
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_runs_each_of_its_units_once_and_then_may_be_finished(ledger: Ledger, kind: str) -> None:
    ran = play(ledger, ledger.submit(new_job(kind=kind)))
    assert len(ran) == len(set(ran))
    assert set(states(ledger).values()) == {"done"}
    assert [unit.partition(":")[2] for unit in ran if unit.endswith(":job")] == [
        f"{stage}:job" for stage, scope in graph(kind) if scope == "job"
    ]
    assert finishing(ledger) == {"job_1"}
    audit(ledger, ["job_1"])


def test_a_call_fans_out_by_channel_and_region_and_gathers_at_the_end(ledger: Ledger) -> None:
    ran = play(ledger, ledger.submit(new_job()))
    regions = ("c0r0", "c0r1", "c1r0", "c1r1")
    expected = {f"job_1:{stage}:job" for stage in (DECODE, ENCODE)}
    expected |= {f"job_1:{SEGMENT}:{channel}" for channel in ("c0", "c1")}
    expected |= {
        f"job_1:{stage}:{region}" for stage in (TRANSCRIBE, TRANSLATE, SYNTHESIZE) for region in regions
    }
    assert set(ran) == expected
    assert ran[0].endswith(DECODE + ":job")
    assert ran[-1].endswith(ENCODE + ":job")


@pytest.mark.parametrize("second_ends", ["done", "dead"])
def test_regions_wait_until_every_channel_is_segmented(ledger: Ledger, second_ends: str) -> None:
    first, second = play_until(ledger, ledger.submit(new_job()), SEGMENT)
    assert ledger.complete(take(ledger, first), Output({}, (Child("c0r0", {}), Child("c0r1", {})))) == ()
    assert ready(ledger) == [second]
    audit(ledger, ["job_1"])
    claim = take(ledger, second)
    hints = ledger.complete(claim, Output({})) if second_ends == "done" else ledger.fail(claim, POISON)
    assert hints == (Hint("asr"), Hint("asr"))
    assert ready(ledger) == [f"job_1:{TRANSCRIBE}:c0r0", f"job_1:{TRANSCRIBE}:c0r1"]
    audit(ledger, ["job_1"])


def test_a_claim_brings_its_payload_and_the_outputs_that_came_before_it(ledger: Ledger) -> None:
    seen: dict[str, Claim] = {}

    def parent(claim: Claim) -> tuple[Child, ...]:
        seen[claim.stage] = claim
        if claim.stage == DECODE:
            return (Child("c0", {"channel": 0, "role": "agent"}),)
        return (Child("c0r0", {"region": 0}),) if claim.stage == SEGMENT else ()

    play(ledger, ledger.submit(new_job()), parent)
    assert seen[DECODE].payload == {}
    assert seen[SEGMENT].payload == {"channel": 0, "role": "agent"}
    assert seen[SYNTHESIZE].payload == {"region": 0}
    assert seen[SYNTHESIZE].inputs == {
        TRANSCRIBE: {"by": f"job_1:{TRANSCRIBE}:c0r0"},
        TRANSLATE: {"by": f"job_1:{TRANSLATE}:c0r0"},
    }
    assert seen[ENCODE].inputs == {DECODE: {"by": f"job_1:{DECODE}:job"}}
    claim = seen[TRANSCRIBE]
    assert (claim.job, claim.tenant, claim.index) == ("job_1", "acme", "c0r0")
    assert claim.spec == {"kind": "speech_translation"}


def test_a_call_without_speech_still_reaches_the_gathering_stage(ledger: Ledger) -> None:
    ran = play(ledger, ledger.submit(new_job()), silence)
    assert [unit.partition(":")[2] for unit in ran] == [
        f"{DECODE}:job",
        f"{SEGMENT}:c0",
        f"{SEGMENT}:c1",
        f"{ENCODE}:job",
    ]
    assert finishing(ledger) == {"job_1"}


def test_a_transcription_without_speech_may_be_finished(ledger: Ledger) -> None:
    play(ledger, ledger.submit(new_job(kind="transcription")), silence)
    assert set(states(ledger).values()) == {"done"}
    assert finishing(ledger) == {"job_1"}


def test_a_recording_without_channels_reaches_the_gathering_stage(ledger: Ledger) -> None:
    ran = play(ledger, ledger.submit(new_job()), lambda _claim: ())
    assert ran == [f"job_1:{DECODE}:job", f"job_1:{ENCODE}:job"]


@pytest.mark.parametrize("stage", [TRANSCRIBE, TRANSLATE, SYNTHESIZE])
def test_a_dead_region_leaves_a_hole_and_the_rest_goes_on(ledger: Ledger, stage: str) -> None:
    play(ledger, ledger.submit(new_job()), poison=[f"job_1:{stage}:c0r1"])
    after = states(ledger)
    chain = (TRANSCRIBE, TRANSLATE, SYNTHESIZE)
    dead = {f"{each}:c0r1" for each in chain[chain.index(stage) :]}
    assert {name for name, state in after.items() if state == "dead"} == dead
    assert after[f"{ENCODE}:job"] == "done"
    errors = {unit.stage: unit.error_code for unit in ledger.units("job_1") if unit.state == "dead"}
    assert errors.pop(stage) == "poison"
    assert set(errors.values()) <= {"upstream_failed"}
    audit(ledger, ["job_1"])


def test_a_dead_channel_leaves_the_other_one_whole(ledger: Ledger) -> None:
    play(ledger, ledger.submit(new_job()), poison=[f"job_1:{SEGMENT}:c0"])
    after = states(ledger)
    assert {name for name, state in after.items() if state == "dead"} == {f"{SEGMENT}:c0"}
    assert after[f"{SYNTHESIZE}:c1r1"] == after[f"{ENCODE}:job"] == "done"


def test_a_dead_decode_ends_the_job_without_gathering(ledger: Ledger) -> None:
    ran = play(ledger, ledger.submit(new_job()), poison=[f"job_1:{DECODE}:job"])
    assert ran == [f"job_1:{DECODE}:job"]
    assert states(ledger) == {f"{DECODE}:job": "dead", f"{ENCODE}:job": "dead"}
    assert [unit.error_code for unit in ledger.units("job_1")] == ["poison", "upstream_failed"]
    assert finishing(ledger) == {"job_1"}
    audit(ledger, ["job_1"])


def test_a_dead_gathering_stage_ends_the_job(ledger: Ledger) -> None:
    play(ledger, ledger.submit(new_job()), poison=[f"job_1:{ENCODE}:job"])
    assert states(ledger)[f"{ENCODE}:job"] == "dead"
    assert finishing(ledger) == {"job_1"}
    audit(ledger, ["job_1"])


def test_a_dead_first_stage_takes_the_second_one_along(ledger: Ledger) -> None:
    play(ledger, ledger.submit(new_job(kind="speech")), poison=[f"job_1:{SYNTHESIZE}:job"])
    assert [unit.error_code for unit in ledger.units("job_1")] == ["poison", "upstream_failed"]
    assert finishing(ledger) == {"job_1"}


def test_progress_counts_what_is_done_and_what_is_dead(ledger: Ledger) -> None:
    play(ledger, ledger.submit(new_job()), poison=[f"job_1:{TRANSLATE}:c0r0"])
    record = fields(ledger)
    assert (record[f"total:{TRANSLATE}"], record[f"done:{TRANSLATE}"], record[f"dead:{TRANSLATE}"]) == (
        "4",
        "3",
        "1",
    )
    assert (record[f"total:{TRANSCRIBE}"], record[f"done:{TRANSCRIBE}"]) == ("4", "4")


def test_hints_name_the_service_of_each_unit_that_became_ready(ledger: Ledger) -> None:
    assert ledger.submit(new_job()).hints == (Hint("codec"),)
    decoded = ledger.complete(
        take(ledger, f"job_1:{DECODE}:job"), Output({}, (Child("c0", {}), Child("c1", {})))
    )
    assert decoded == (Hint("asr"), Hint("asr"))
    assert ledger.fail(take(ledger, f"job_1:{SEGMENT}:c0"), POISON) == ()
    assert ledger.fail(take(ledger, f"job_1:{SEGMENT}:c1"), POISON) == (Hint("codec"),)


def test_the_audio_of_a_stage_is_counted_from_ready_to_done(ledger: Ledger) -> None:
    submitted = ledger.submit(replace(new_job(), audio_ms=90_000))
    assert ledger.stages()[DECODE] == {"ready": 1, "ready_ms": 90_000}
    claim = take(ledger, f"job_1:{DECODE}:job")
    assert claim.audio_ms == 90_000
    assert ledger.stages()[DECODE] == {"ready": 0, "ready_ms": 0, "leased": 1, "leased_ms": 90_000}
    channels = (Child("c0", {}, audio_ms=60_000), Child("c1", {}, audio_ms=50_000))
    ledger.complete(claim, Output({}, channels), served_ms=700)
    ledger.complete(claim, Output({}, channels), served_ms=700)
    assert ledger.stages()[DECODE] == {
        "ready": 0, "ready_ms": 0, "leased": 0, "leased_ms": 0,
        "done": 1, "done_ms": 90_000, "served_ms": 700,
    }  # fmt: skip
    assert ledger.stages()[SEGMENT] == {"ready": 2, "ready_ms": 110_000}
    audit(ledger, [submitted.job])


def test_what_follows_a_region_covers_its_audio_and_what_gathers_covers_all_channels(ledger: Ledger) -> None:
    def parent(claim: Claim) -> tuple[Child, ...]:
        audio_ms = {DECODE: 60_000, SEGMENT: 4_000}.get(claim.stage, 0)
        return tuple(replace(child, audio_ms=audio_ms) for child in two_channels(claim))

    play(ledger, ledger.submit(replace(new_job(), audio_ms=1)), parent)
    done_ms = {stage: counts["done_ms"] for stage, counts in ledger.stages().items()}
    regions_ms = 4 * 4_000
    assert done_ms == {
        DECODE: 1, SEGMENT: 120_000, TRANSCRIBE: regions_ms, TRANSLATE: regions_ms, SYNTHESIZE: regions_ms,
        ENCODE: 120_000,
    }  # fmt: skip


def test_a_claim_carries_the_trace_that_its_job_came_with(ledger: Ledger) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    ledger.submit(replace(new_job(), trace=trace))
    ledger.submit(new_job("job_2"))
    assert take(ledger, f"job_1:{DECODE}:job").trace == trace
    assert not take(ledger, f"job_2:{DECODE}:job").trace


def test_a_unit_that_an_earlier_version_wrote_counts_without_audio(ledger: Ledger) -> None:
    unit = begin(ledger)
    ledger._redis.hdel(ledger._key("unit", unit), "audio_ms", "ready_ms")
    ledger._redis.hdel(ledger._key("job", "job_1"), "trace")
    claim = take(ledger, unit)
    assert (claim.audio_ms, claim.waited_ms, claim.trace) == (0, 0, "")
    ledger.complete(claim, Output({}, (Child("c0", {}, audio_ms=5_000),)))
    assert ledger.stages()[SEGMENT] == {"ready": 1, "ready_ms": 5_000}


def test_audio_that_is_miscounted_is_forgotten_with_the_last_unit(ledger: Ledger) -> None:
    unit = begin(ledger, replace(new_job(), audio_ms=1_000))
    ledger._redis.hincrby(ledger._key("stages"), f"{DECODE}:ready_ms", 77_000)
    take(ledger, unit)
    assert ledger.stages()[DECODE]["ready_ms"] == 0

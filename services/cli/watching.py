"""A job's progress on the terminal, and what it came to."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from dragoman import Dragoman, Job
from services.shared.tasks import STAGES


def watch(gateway: Dragoman, job_id: str, console: Console) -> Job:
    """Show one bar per stage until the job is over; return it as it ended."""
    columns = (TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    job = gateway.jobs.get(job_id)
    with Progress(*columns, console=console) as progress:
        bars = {
            stage: progress.add_task(stage, total=None, start=False)
            for stage in STAGES
            if stage in job.progress
        }

        def show(seen: Job) -> None:
            for stage, bar in bars.items():
                count = seen.progress[stage]
                if count.total:
                    progress.start_task(bar)
                    progress.update(bar, completed=count.done, total=count.total)

        return gateway.jobs.wait(job, on_progress=show)


def costs(job: Job) -> Table:
    """Return what a job cost: audio, wall time, real-time factor, and time spent per stage."""
    table = Table(box=None, show_header=False, pad_edge=False)
    audio_s, wall_s = (job.audio_ms or 0) / 1000, job.wall_s
    if audio_s:
        table.add_row("audio", f"{audio_s:.1f} s")
    if wall_s is not None:
        table.add_row("wall time", f"{wall_s:.1f} s")
        if audio_s:
            table.add_row("real-time factor", f"{wall_s / audio_s:.2f}")
    for stage in STAGES:
        if stage in job.usage:
            table.add_row(f"busy in {stage}", f"{job.usage[stage].busy_ms / 1000:.1f} s")
    return table

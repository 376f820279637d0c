"""What `bake` says at its end: the images as they are tagged, what the controller carries, seconds a step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jenkins_bootstrap.cli import content
from jenkins_bootstrap.cli.context import Context

if TYPE_CHECKING:
    from jenkins_bootstrap.cli.bake import Prepared
    from jenkins_bootstrap.facts import Image
    from jenkins_bootstrap.images.request import Request
    from jenkins_bootstrap.plan import Outcome

SHOWN = {"ContentKey", "Commit", "BuiltAt", "Parent"}
"""Tags that have a line of their own."""


def summary(ctx: Context, parts: Prepared, asked: Request, existing: tuple[Image, ...], outcome: Outcome) -> None:
    """What there is now: each image as it is tagged, what the controller carries, and the seconds it took."""
    from jenkins_bootstrap.images.bake import find

    images = []
    for named in asked.images:
        mine = [image for image in existing if image.tag("Name") == named.name]
        image = find(mine, asked.keys[named.name])
        if image is not None:
            baked = any(key in outcome.seconds and outcome.results.get(key) == image.id for key in outcome.seconds)
            images.append(image_row(image) | {"baked": baked})
    seconds = {name: round(took, 2) for name, took in (parts.seconds | outcome.seconds).items()}
    jobs = len(parts.made.rendered.jobs)
    told: dict[str, Any] = {
        "target": ctx.target,
        "images": images,
        "stages": list(parts.stages),
        "compiled": content.compiled_words(parts.compiled),
        "plugins": {"locked": len(parts.lock.plugins), "core": parts.lock.core, "in_image": bool(parts.plugin_files)},
        "jenkins": None if parts.jenkins.note else parts.jenkins.version,
        "missing": parts.missing,
        "jobs": {"defined": jobs, "repositories": parts.made.listed},
        "seconds": seconds,
        "packer_seconds": {name: round(took, 2) for name, took in parts.packer_seconds.items()},
        "manifest": str(ctx.folder / "manifest.json"),
    }
    if ctx.json:
        ctx.data(told)
    else:
        print_summary(ctx, told)
    if not parts.compiled.compiled:
        ctx.warn(content.compiled_words(parts.compiled))
    for words in parts.missing:
        ctx.warn(words)
    for note in parts.notes:
        ctx.note(f"plugins: {note}")


def image_row(image: Image) -> dict[str, Any]:
    """An image as people and scripts see it."""
    return {
        "image": image.tag("Name"),
        "id": image.id,
        "name": image.name,
        "parent": image.tag("Parent"),
        "content_key": image.tag("ContentKey"),
        "commit": image.tag("Commit"),
        "built_at": image.tag("BuiltAt"),
        "channel": image.tag("Channel"),
        "tags": dict(image.tags),
    }


def print_summary(ctx: Context, told: dict[str, Any]) -> None:
    for row in told["images"]:
        ctx.out(f"{row['image']}: {row['id']} ({'baked now' if row['baked'] else 'was there'})")
        ctx.out(f"  name         {row['name']}")
        ctx.out(f"  parent       {row['parent']}")
        ctx.out(f"  content key  {row['content_key']}")
        ctx.out(f"  commit       {row['commit']}")
        ctx.out(f"  built at     {row['built_at']}")
        ctx.out(f"  tags         {', '.join(f'{k}={v}' for k, v in row['tags'].items() if k not in SHOWN)}")
    ctx.out(f"stages: {', '.join(told['stages'])}; {told['compiled']}")
    place = "their files in the image" if told["plugins"]["in_image"] else "their files not in the image"
    ctx.out(f"plugins: {told['plugins']['locked']} locked for core {told['plugins']['core']}, {place}")
    ctx.out(f"jobs: {told['jobs']['defined']} of {told['jobs']['repositories']} repositories")
    ctx.out(f"jenkins: {told['jenkins'] or told['missing'][0]}")
    took = sum(told["seconds"].values())
    ctx.out(
        f"seconds: {took:.1f} in all; "
        + ", ".join(f"{name} {s:.1f}" for name, s in told["seconds"].items() if s >= 0.05)
    )
    ctx.out(f"manifest: {Path(told['manifest'])}")

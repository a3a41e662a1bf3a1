#!/usr/bin/env python3
"""What `#[api_fn]` costs to compile.

Makes a crate with a hundred annotated handlers, and the same crate without the attribute, compiles them in turns, and
prints the ratio of the medians. At most 1.3 is promised:

    tests/expansion-cost.py [--handlers 100] [--rounds 3] [--limit 1.3] [--commands check build]

It exits with 1 above the limit. It needs no network once the workspace itself has been built, and some minutes, most
of them for `build`. The crates stay in the target directory, so the next time dependencies are there already.

Measured is what rustc takes for the crate alone: not cargo, not dependencies. With Linux's `perf` that is the number of
instructions, which does not depend on what else the machine does; otherwise the time on a processor. Incremental
compilation is off, as in CI and for a first build.
"""

import argparse
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile

WORKSPACE = pathlib.Path(__file__).resolve().parent.parent
LOG = "EXPANSION_COST_LOG"
UNIT = "EXPANSION_COST_UNIT"
INSTRUCTIONS = "billion instructions"
SECONDS = "seconds"

MANIFEST = """\
[package]
name = "{name}"
version = "0.0.0"
edition = "2024"

[dependencies]
stephttp = {{ path = "{workspace}/stephttp" }}
axum = {{ version = "0.8.4", default-features = false, features = ["json"] }}
serde = {{ version = "1", features = ["derive"] }}
"""

HEAD = """\
use axum::extract::{Path, State};
use axum::{Json, Router, routing::post};
use inngest::{Failure, Step, StepError};
use serde::{Deserialize, Serialize};

#[derive(Clone)]
pub struct Shop {
    name: String,
}

impl Shop {
    async fn reserve(&self, item: &str, count: u32) -> Result<u64, Failure> {
        Ok(self.name.len() as u64 + item.len() as u64 * u64::from(count))
    }

    async fn charge(&self, reservation: u64) -> Result<String, std::num::ParseIntError> {
        Ok(format!("charge-{reservation}"))
    }
}
"""

HANDLER = """
#[derive(Deserialize)]
pub struct Order{n} {{
    item: String,
    count: u32,
}}

#[derive(Serialize)]
pub struct Receipt{n} {{
    order: u64,
    charge: String,
    parcel: u64,
}}

{attribute}async fn order_{n}(
    State(shop): State<Shop>,
    Path(order): Path<u64>,
    step: Step,
    Json(body): Json<Order{n}>,
) -> Result<Json<Receipt{n}>, StepError> {{
    let reservation = step
        .run("reserve", async {{
            let reservation = shop.reserve(&body.item, body.count).await?;
            Ok::<_, Failure>(reservation + {n})
        }})
        .await?;
    let charge = step
        .run("charge", async {{
            let charge = shop.charge(reservation).await?;
            Ok::<_, Failure>(charge)
        }})
        .await?;
    let parcel = step
        .run("ship", async {{
            let parcel = shop.reserve(&charge, body.count).await?;
            Ok::<_, Failure>(parcel)
        }})
        .await?;
    Ok(Json(Receipt{n} {{ order, charge, parcel }}))
}}
"""


def source(handlers, annotated):
    attribute = '#[inngest::api_fn(id = "order-{n}", retries = 3)]\n'
    parts = [HEAD]
    for n in range(handlers):
        line = attribute.format(n=n) if annotated else ""
        parts.append(HANDLER.format(n=n, attribute=line))
    parts.append("\npub fn app() -> Router<Shop> {\n    Router::new()\n")
    parts += [f'        .route("/orders/{n}/{{id}}", post(order_{n}))\n' for n in range(handlers)]
    parts.append("}\n")
    return "".join(parts)


def perf(out, command):
    return ["perf", "stat", "--field-separator", ",", "--output", out, "--event", "instructions:u", *command]


def counted(out):
    """Billions of instructions, of which perf tells in the file."""
    rows = [line.split(",") for line in pathlib.Path(out).read_text().splitlines()]
    counts = [row[0] for row in rows if len(row) > 2 and row[2].startswith("instructions")]
    return float(counts[0]) / 1e9


def has_perf():
    try:
        with tempfile.NamedTemporaryFile() as out:
            subprocess.run(perf(out.name, ["true"]), check=True, capture_output=True)
            return counted(out.name) > 0
    except (OSError, subprocess.CalledProcessError, IndexError, ValueError):
        return False


def compile_and_log(command):
    """As cargo's wrapper of rustc for the two crates: notes what it takes."""
    log, unit = os.environ[LOG], os.environ[UNIT]
    with tempfile.NamedTemporaryFile() as out:
        if unit == INSTRUCTIONS:
            command = perf(out.name, command)
        # With the files that cargo leaves open for it.
        status = subprocess.run(command, close_fds=False).returncode
        if unit == INSTRUCTIONS:
            taken = counted(out.name)
        else:
            usage = resource.getrusage(resource.RUSAGE_CHILDREN)
            taken = usage.ru_utime + usage.ru_stime
    with open(log, "a") as log:
        print(taken, file=log)
    return status


class Crates:
    def __init__(self, folder, handlers):
        self.folder = folder
        self.log = folder / "log"
        self.unit = INSTRUCTIONS if has_perf() else SECONDS
        for name in ("annotated", "plain"):
            crate = folder / name
            (crate / "src").mkdir(parents=True, exist_ok=True)
            (crate / "Cargo.toml").write_text(MANIFEST.format(name=name, workspace=WORKSPACE))
            (crate / "src/lib.rs").write_text(source(handlers, name == "annotated"))
        members = '[workspace]\nresolver = "3"\nmembers = ["annotated", "plain"]\n'
        (folder / "Cargo.toml").write_text(members)
        shutil.copy(WORKSPACE / "Cargo.lock", folder / "Cargo.lock")

    def measure(self, command, name):
        """What rustc takes for the crate."""
        (self.folder / name / "src/lib.rs").touch()
        self.log.write_text("")
        environment = os.environ | {
            LOG: str(self.log),
            UNIT: self.unit,
            "CARGO_INCREMENTAL": "0",
            "CARGO_TARGET_DIR": str(self.folder / "target"),
            "RUSTC_WORKSPACE_WRAPPER": str(pathlib.Path(__file__).resolve()),
        }
        subprocess.run(
            ["cargo", command, "--quiet", "--offline", "--package", name],
            cwd=self.folder, env=environment, check=True,
        )
        return float(self.log.read_text().split()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--handlers", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=1.3)
    parser.add_argument("--commands", nargs="+", default=["check", "build"], help="of cargo")
    options = parser.parse_args()

    good = True
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", WORKSPACE / "target")).resolve()
    crates = Crates(target / "expansion-cost", options.handlers)
    for command in options.commands:
        # Dependencies first.
        crates.measure(command, "plain")
        taken = {"annotated": [], "plain": []}
        for _ in range(options.rounds):
            for name, seen in taken.items():
                seen.append(crates.measure(command, name))
        annotated, plain = (statistics.median(taken[name]) for name in ("annotated", "plain"))
        ratio = annotated / plain
        good &= ratio <= options.limit
        print(
            f"cargo {command}: {options.handlers} handlers, annotated {annotated:.2f}, plain {plain:.2f} "
            f"{crates.unit}, ratio {ratio:.3f}",
            flush=True,
        )
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    if LOG in os.environ:
        sys.exit(compile_and_log(sys.argv[1:]))
    main()

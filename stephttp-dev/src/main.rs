//! The dev engine as a program: `cargo run -p stephttp-dev`.

mod options;
mod record;
mod view;

use std::process::ExitCode;

use stephttp_dev::{Clock, DevServer};

use self::options::{Asked, Options, USAGE};

/// How many calls keep their bodies; a server that runs all day must not keep them all.
const KEPT: usize = 1_000;

#[tokio::main]
async fn main() -> ExitCode {
    let asked = match Asked::read(std::env::args_os()) {
        Ok(asked) => asked,
        Err(error) => {
            eprintln!("error: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let done = match asked {
        Asked::Help => {
            println!("{USAGE}");
            Ok(())
        }
        Asked::Serve(options) => serve(options).await,
        Asked::View(run, svg) => view::view(&run, svg.as_deref()).await,
        Asked::Record(run, redactions, out) => record::record(&run, &redactions, out.as_deref()).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: Options) -> Result<(), String> {
    let address = format!("{}:{}", options.host, options.port);
    let mut builder =
        DevServer::builder().clock(Clock::Real).host(options.host).port(options.port).keep(KEPT);
    let page = options.page;
    if !page {
        builder = builder.page(false);
    }
    if let Some(interval) = options.retry_interval {
        builder = builder.retry_interval(interval);
    }
    if let Some(key) = options.signing_key {
        builder = builder.signing_key(key);
    }
    if let Some(key) = options.event_key {
        builder = builder.event_key(key);
    }
    let server = builder.start().await.map_err(|error| format!("cannot serve on {address}: {error}"))?;
    let mut notices = server.subscribe();
    println!("stephttp-dev serves on {} (ctrl-c stops it)", server.url());
    if page {
        println!("See the runs: {}/", server.url());
    }
    loop {
        tokio::select! {
            Some(notice) = notices.next() => println!("{notice}"),
            stopped = tokio::signal::ctrl_c() => {
                server.shutdown().await;
                return stopped.map_err(|error| format!("cannot wait for ctrl-c: {error}"));
            }
        }
    }
}

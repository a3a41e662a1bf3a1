use inngest::SetupOpts;
use inngest::middleware::Tracing;

fn tracing() -> Result<Tracing, std::io::Error> {
    Ok(Tracing::new())
}

fn main() {
    let _ = SetupOpts::new("https://api.example.com").middleware(tracing());
}

//! What was logged.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::watch;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The log of this test program; all tests write to one.
#[derive(Debug, Clone, Default)]
pub struct Logs {
    text: Arc<Mutex<Vec<u8>>>,
    grown: watch::Sender<()>,
}

impl Logs {
    /// Starts to collect, unless that has begun already.
    ///
    /// # Panics
    /// When another subscriber has been installed.
    pub fn collect() -> Self {
        static LOGS: OnceLock<Logs> = OnceLock::new();
        let logs = LOGS.get_or_init(|| {
            let logs = Self::default();
            let subscriber = tracing_subscriber::fmt()
                .with_env_filter(EnvFilter::new("inngest=debug"))
                .with_ansi(false)
                .with_writer(logs.clone())
                .finish();
            tracing::subscriber::set_global_default(subscriber).expect("no other subscriber");
            logs
        });
        logs.clone()
    }

    /// The lines that hold all of these texts.
    #[must_use]
    pub fn lines_with(&self, texts: &[&str]) -> Vec<String> {
        let log = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        let log = String::from_utf8_lossy(&log);
        log.lines().filter(|line| texts.iter().all(|text| line.contains(text))).map(str::to_owned).collect()
    }

    /// Waits for a line that holds all of these texts.
    pub async fn wait_for_line_with(&self, texts: &[&str]) {
        // The sender is ours, so the channel cannot close.
        let _ = self.grown.subscribe().wait_for(|()| !self.lines_with(texts).is_empty()).await;
    }

    /// # Panics
    /// When no line holds all of these texts.
    #[track_caller]
    pub fn assert_line_with(&self, texts: &[&str]) {
        assert!(!self.lines_with(texts).is_empty(), "no line of the log holds all of {texts:?}");
    }
}

impl Write for Logs {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.text.lock().unwrap_or_else(PoisonError::into_inner).write(buffer);
        self.grown.send_replace(());
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Logs {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

//! Taking out of a recording what must not be in a file.

/// What is to be taken out of a recording.
#[derive(Debug, Clone, Default)]
pub struct Redaction;

//! Writing checkpoint calls as JSON: the bytes that `serde_json` gives, for a third of its work.
//!
//! A call has some eighty names and short texts, and `serde_json` looks at each byte of each of
//! them. Here a name is written as it stands, and a text is looked at as a whole. What is rare is
//! left to `serde_json`.

mod calls;
mod ops;

use serde::Serialize;

use super::StepHash;

/// What is written by hand.
pub(crate) trait WriteJson {
    /// Appends the value.
    ///
    /// # Errors
    /// When a part that is left to `serde_json` cannot be written.
    fn write_json(&self, out: &mut JsonWriter) -> serde_json::Result<()>;
}

/// A JSON text that is being written.
pub(crate) struct JsonWriter(Vec<u8>);

impl JsonWriter {
    /// `size` is about what it will take.
    pub(crate) fn with_capacity(size: usize) -> Self {
        Self(Vec::with_capacity(size))
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// JSON as it stands: names, with what is between them.
    fn raw(&mut self, json: &str) {
        self.0.extend_from_slice(json.as_bytes());
    }

    fn text(&mut self, text: &str) -> serde_json::Result<()> {
        if !is_plain(text) {
            return self.other(text);
        }
        self.0.push(b'"');
        self.raw(text);
        self.0.push(b'"');
        Ok(())
    }

    /// A member of an object that is left out without a value. `name` is all that goes before it.
    fn optional_text(&mut self, name: &str, text: Option<&str>) -> serde_json::Result<()> {
        let Some(text) = text else { return Ok(()) };
        self.raw(name);
        self.text(text)
    }

    fn hash(&mut self, hash: StepHash) {
        self.0.push(b'"');
        self.0.extend_from_slice(&hash.hex());
        self.0.push(b'"');
    }

    fn list(&mut self, values: &[impl WriteJson]) -> serde_json::Result<()> {
        self.0.push(b'[');
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.0.push(b',');
            }
            value.write_json(self)?;
        }
        self.0.push(b']');
        Ok(())
    }

    /// What `serde_json` writes: numbers, and what is rare.
    fn other(&mut self, value: &(impl Serialize + ?Sized)) -> serde_json::Result<()> {
        serde_json::to_writer(&mut self.0, value)
    }
}

/// Whether nothing in a text has to be escaped. It is read to its end in any case: several bytes at
/// a time take less than the way out at each of them.
fn is_plain(text: &str) -> bool {
    let must_be_escaped = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    !text.bytes().fold(false, |found, byte| found | must_be_escaped(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The writer's text, which must be `serde_json`'s.
    pub(super) fn written(value: &(impl WriteJson + Serialize)) -> String {
        let mut out = JsonWriter::with_capacity(0);
        value.write_json(&mut out).unwrap();
        let written = String::from_utf8(out.into_bytes()).unwrap();
        assert_eq!(written, serde_json::to_string(value).unwrap());
        written
    }

    #[test]
    fn texts_are_written_as_serde_json_does() {
        for code in (0..0x300).chain([0x2028, 0xffff, 0x1_f600]) {
            let Some(char) = char::from_u32(code) else { continue };
            for text in [format!("{char}"), format!("before, before, before{char}after")] {
                let mut out = JsonWriter::with_capacity(0);
                out.text(&text).unwrap();
                assert_eq!(out.into_bytes(), serde_json::to_vec(&text).unwrap(), "{text:?}");
            }
        }
    }
}

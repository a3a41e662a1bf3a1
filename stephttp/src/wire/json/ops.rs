//! Operations.

use super::{JsonWriter, WriteJson};
use crate::wire::{Op, OpCode, Timing, Userland};

impl WriteJson for Op<'_> {
    fn write_json(&self, out: &mut JsonWriter) -> serde_json::Result<()> {
        let Self { id, op, name, display_name, userland, opts, data, error, timing } = self;
        out.raw(r#"{"id":"#);
        out.hash(*id);
        out.raw(r#","op":"#);
        match op {
            OpCode::StepRun => out.raw(r#""StepRun""#),
            OpCode::RunComplete => out.raw(r#""RunComplete""#),
            _ => out.other(op)?,
        }
        out.optional_text(r#","name":"#, name.as_deref())?;
        out.optional_text(r#","displayName":"#, display_name.as_deref())?;
        if let Some(userland) = userland {
            out.raw(r#","userland":"#);
            userland.write_json(out)?;
        }
        if let Some(opts) = opts {
            out.raw(r#","opts":"#);
            out.other(opts)?;
        }
        if let Some(data) = data {
            out.raw(r#","data":"#);
            out.raw(data.get());
        }
        if let Some(error) = error {
            out.raw(r#","error":"#);
            out.other(error)?;
        }
        if let Some(timing) = timing {
            out.raw(r#","timing":"#);
            timing.write_json(out)?;
        }
        out.raw("}");
        Ok(())
    }
}

impl WriteJson for Userland<'_> {
    fn write_json(&self, out: &mut JsonWriter) -> serde_json::Result<()> {
        let Self { id, index } = self;
        out.raw(r#"{"id":"#);
        out.text(id)?;
        if let Some(index) = index {
            out.raw(r#","index":"#);
            out.other(index)?;
        }
        out.raw("}");
        Ok(())
    }
}

impl WriteJson for Timing {
    fn write_json(&self, out: &mut JsonWriter) -> serde_json::Result<()> {
        let Self { start_ns, duration_ns } = self;
        out.raw(r#"{"a":"#);
        out.other(start_ns)?;
        out.raw(r#","b":"#);
        out.other(duration_ns)?;
        out.raw("}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::super::tests::written;
    use super::*;
    use crate::wire::{ApiResult, OpError};

    #[test]
    fn operations_are_written_as_serde_json_does() {
        let result = ApiResult::new(201).header("content-type", "text/plain").body("\"quoted\"\n");
        let mut again = Op::step_run("a \"step\" \u{1f600}", &serde_json::json!({"a": [1, "\\"]})).unwrap();
        again.userland = Some(Userland { index: Some(u32::MAX), ..Userland::new("a \"step\"") });
        again.timing = Some(Timing::new(SystemTime::now(), Duration::from_nanos(7)));
        let mut failed = Op::step_run("failed", &()).unwrap();
        (failed.op, failed.data) = (OpCode::StepFailed, None);
        failed.error = Some(OpError::new("Declined", "no \"money\"\t"));
        let bare = Op { name: None, display_name: None, userland: None, data: None, ..again.clone() };
        let sleep = Op::sleep("cool-off", Duration::from_secs(3_600));
        for op in [again, failed, bare, sleep, Op::run_complete(&result).unwrap()] {
            written(&op);
        }
        let before = Op::step_run("before", &"A").unwrap();
        assert_eq!(
            written(&before),
            r#"{"id":"51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d","op":"StepRun","name":"before","displayName":"before","userland":{"id":"before"},"data":"A"}"#
        );
    }
}

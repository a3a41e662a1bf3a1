//! Checkpoint calls.

use super::{JsonWriter, WriteJson};
use crate::wire::{
    CheckpointAsyncRequest, CheckpointNewRunRequest, CheckpointStepsRequest, HttpRequestEvent, NewApiRunData,
};

impl WriteJson for CheckpointNewRunRequest<'_> {
    fn write_json(&self, out: &mut JsonWriter) -> serde_json::Result<()> {
        let Self { run_id, idempotency, event, steps, ts, request_version, retries } = self;
        out.raw(r#"{"run_id":"#);
        out.text(run_id)?;
        out.optional_text(r#","idempotency":"#, idempotency.as_deref())?;
        out.raw(r#","event":"#);
        event.write_json(out)?;
        out.raw(r#","steps":"#);
        out.list(steps)?;
        out.raw(r#","ts":"#);
        out.other(ts)?;
        out.raw(r#","request_version":"#);
        out.other(request_version)?;
        out.raw(r#","retries":"#);
        out.other(retries)?;
        out.raw("}");
        Ok(())
    }
}

impl WriteJson for HttpRequestEvent<'_> {
    fn write_json(&self, out: &mut JsonWriter) -> serde_json::Result<()> {
        let Self { name, data } = self;
        out.raw(r#"{"name":"#);
        out.text(name)?;
        out.raw(r#","data":"#);
        data.write_json(out)?;
        out.raw("}");
        Ok(())
    }
}

impl WriteJson for NewApiRunData<'_> {
    fn write_json(&self, out: &mut JsonWriter) -> serde_json::Result<()> {
        let Self { domain, method, path, function, ip, content_type, query_params, body } = self;
        for (name, value) in [
            (r#"{"domain":"#, domain),
            (r#","method":"#, method),
            (r#","path":"#, path),
            (r#","fn":"#, function),
            (r#","ip":"#, ip),
            (r#","content_type":"#, content_type),
            (r#","query_params":"#, query_params),
            (r#","body":"#, body),
        ] {
            out.raw(name);
            out.text(value)?;
        }
        out.raw("}");
        Ok(())
    }
}

impl WriteJson for CheckpointStepsRequest<'_> {
    fn write_json(&self, out: &mut JsonWriter) -> serde_json::Result<()> {
        let Self { run_id, fn_id, app_id, steps, ts } = self;
        out.raw(r#"{"run_id":"#);
        out.text(run_id)?;
        out.raw(r#","fn_id":"#);
        out.other(fn_id)?;
        out.raw(r#","app_id":"#);
        out.other(app_id)?;
        out.raw(r#","steps":"#);
        out.list(steps)?;
        out.raw(r#","ts":"#);
        out.other(ts)?;
        out.raw("}");
        Ok(())
    }
}

impl WriteJson for CheckpointAsyncRequest<'_> {
    fn write_json(&self, out: &mut JsonWriter) -> serde_json::Result<()> {
        let Self { run_id, fn_id, app_id, qi_id, request_id, generation_id, request_started_at, steps, ts } =
            self;
        out.raw(r#"{"run_id":"#);
        out.text(run_id)?;
        for (name, id) in [(r#","fn_id":"#, fn_id), (r#","app_id":"#, app_id)] {
            if let Some(id) = id {
                out.raw(name);
                out.other(id)?;
            }
        }
        out.raw(r#","qi_id":"#);
        out.text(qi_id)?;
        out.raw(r#","request_id":"#);
        out.text(request_id)?;
        out.raw(r#","generation_id":"#);
        out.other(generation_id)?;
        out.raw(r#","request_started_at":"#);
        out.other(request_started_at)?;
        out.raw(r#","steps":"#);
        out.list(steps)?;
        out.raw(r#","ts":"#);
        out.other(ts)?;
        out.raw("}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::tests::written;
    use super::*;
    use crate::wire::{CheckpointRun, Op};

    const RUN_ID: &str = "01M817NZCZ3BTTPY1FEX7T2M4B";

    #[test]
    fn calls_are_written_as_serde_json_does() {
        let data = NewApiRunData::new("http://a", "POST", "/a\"b")
            .function("f")
            .ip("::1")
            .content_type("text/plain; charset=\"utf-8\"")
            .query_params("a=1&b=\u{e9}")
            .body(b"body");
        let ops = [Op::step_run("a", &1).unwrap(), Op::step_run("b", &"\u{7f}").unwrap()];
        let new_run = CheckpointNewRunRequest::new(RUN_ID, data);
        written(&new_run);
        written(&new_run.clone().steps(ops.clone()).retries(3).idempotency("a \"key\""));
        let run = CheckpointRun::new(RUN_ID, Uuid::from_u128(u128::MAX / 3), Uuid::nil());
        written(&CheckpointStepsRequest::new(&run, &ops[..0]));
        written(&CheckpointStepsRequest::new(&run, &ops[..]));
        let save = CheckpointAsyncRequest::new(RUN_ID).dispatch("job", "request", u32::MAX);
        written(&save);
        let [one, other] = ops;
        written(&save.step(one).step(other).function(run.fn_id, run.app_id));
    }
}

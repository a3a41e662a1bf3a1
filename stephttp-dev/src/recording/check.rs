//! What a recording must not hold.

use inngest::wire::StepHash;

use super::{RecordError, Recording};

impl Recording {
    /// Whether it can be the record of a run.
    pub(super) fn check(&self) -> Result<(), RecordError> {
        let mut hashes = std::collections::HashSet::new();
        for step in self.steps.iter().chain(&self.waiting) {
            if StepHash::from_hex(&step.hash).is_none() {
                return Err(RecordError(format!(
                    "the step `{}` has the hash `{}`, which is none",
                    step.label(),
                    step.hash
                )));
            }
            if !hashes.insert(&step.hash) {
                return Err(RecordError(format!("the step `{}` is in it twice", step.label())));
            }
        }
        if let Some(step) = self.steps.iter().find(|step| step.value.is_none()) {
            return Err(RecordError(format!("the stored step `{}` has no `value`", step.label())));
        }
        if let Some(end) = &self.end
            && !["Completed", "Failed", "Cancelled"].contains(&end.status.as_str())
        {
            return Err(RecordError(format!(
                "the run's end has the status `{}`: it is `Completed`, `Failed` or `Cancelled`",
                end.status
            )));
        }
        if !self.request.path.starts_with('/') {
            return Err(RecordError(format!("the request's path is `{}`, which is none", self.request.path)));
        }
        Ok(())
    }
}

/// What Inngest's signing keys begin with.
const SIGNING_KEY: &str = "signkey-";

/// What tokens begin with that are JSON in base64.
const TOKEN: &str = "eyJ";

/// Whether some JSON holds no secret of Inngest's: none of these, and nothing that looks like one.
pub(super) fn no_secrets(json: &str, secrets: &[&str]) -> Result<(), RecordError> {
    let refused = |what: &str| {
        Err(RecordError(format!(
            "the recording holds {what}, which must not be in a file: redact the step or the part of the request that \
             carries it (`--redact`)"
        )))
    };
    if secrets.iter().any(|secret| secret.len() >= 8 && json.contains(secret)) {
        return refused("a secret of the server that the run was recorded from");
    }
    if has_signing_key(json) {
        return refused("a signing key of Inngest's (`signkey-…`)");
    }
    if has_run_token(json) {
        return refused("a token by which a run's output can be read");
    }
    Ok(())
}

/// Whether there is `signkey-<word>-<hex>` in a text.
fn has_signing_key(text: &str) -> bool {
    text.match_indices(SIGNING_KEY).any(|(place, _)| {
        let rest = &text[place + SIGNING_KEY.len()..];
        let Some((word, key)) = rest.split_once('-') else { return false };
        let digits = key.bytes().take_while(u8::is_ascii_hexdigit).count();
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric()) && digits >= 8
    })
}

/// Whether there is a token in a text, of which Inngest is the issuer.
fn has_run_token(text: &str) -> bool {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    text.match_indices(TOKEN).any(|(place, _)| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let rest = &text[place..];
        let token = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
        let claims = token.split('.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
        let claims = claims.and_then(|claims| serde_json::from_slice::<serde_json::Value>(&claims).ok());
        claims.is_some_and(|claims| {
            claims["iss"].as_str().is_some_and(|issuer| issuer.contains("inngest"))
                || claims["RunID"].is_string()
        })
    })
}

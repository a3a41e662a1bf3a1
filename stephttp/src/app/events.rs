//! Where events are sent, and with which key.

use url::Url;

use crate::client::EventApi;
use crate::connect::{CLOUD, SetupError, env, invalid, parse_url};

/// Inngest Cloud takes events at a host of its own.
const CLOUD_EVENTS: &str = "https://inn.gs";

/// The dev server takes any key. This one is what Inngest's JS SDK uses, and what people know from
/// its logs.
const DEV_KEY: &str = "NO_EVENT_KEY_SET";

/// `None` without a key: setup goes on, and the step that sends says what is missing.
pub(crate) fn resolve(
    key: Option<String>,
    url: Option<String>,
    variable: impl Fn(&'static str) -> Option<String>,
    base: &Url,
    is_dev: bool,
) -> Result<Option<EventApi>, SetupError> {
    let url = match (url, variable(env::EVENT_API_BASE_URL)) {
        (Some(url), _) => parse_url("SetupOpts::event_api_url", &url)?,
        (None, Some(url)) => parse_url(env::EVENT_API_BASE_URL, &url)?,
        (None, None) if *base == parse_url(env::BASE_URL, CLOUD)? => {
            parse_url(env::EVENT_API_BASE_URL, CLOUD_EVENTS)?
        }
        (None, None) => base.clone(),
    };
    let (setting, key) = match key {
        Some(key) => ("SetupOpts::event_key", Some(key)),
        None => (env::EVENT_KEY, variable(env::EVENT_KEY)),
    };
    let key = key.or_else(|| is_dev.then(|| DEV_KEY.to_owned()));
    let Some(key) = key else { return Ok(None) };
    // Dots would be taken for steps in the path.
    if key.is_empty() || key.contains(|c: char| c.is_whitespace() || c.is_control()) || key.starts_with('.') {
        return Err(invalid(
            setting,
            "is no event key: it is one word, without spaces, which Inngest shows under \"Event keys\"",
        ));
    }
    Ok(Some(EventApi::new(&url, &key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{Settings, SetupOpts};

    fn resolve(opts: SetupOpts, variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let settings = Settings::resolve(opts, variable).map_err(|error| error.to_string())?;
        Ok(settings.event_api.map(|api| api.url().to_string()))
    }

    fn cloud() -> SetupOpts {
        SetupOpts::new("https://api.example.com").dev(false).signing_key("abcd")
    }

    #[test]
    fn the_address_follows_the_server_and_the_key_is_the_apps() {
        let key = [(env::EVENT_KEY, "variable")];
        assert_eq!(resolve(cloud(), &[]).unwrap(), None);
        assert_eq!(resolve(cloud(), &key).unwrap().unwrap(), "https://inn.gs/e/variable");
        assert_eq!(resolve(cloud().event_key("option"), &key).unwrap().unwrap(), "https://inn.gs/e/option");
        let hosted = cloud().base_url("https://inngest.example.com");
        assert_eq!(resolve(hosted.clone(), &key).unwrap().unwrap(), "https://inngest.example.com/e/variable");
        let apart = [key[0], (env::EVENT_API_BASE_URL, "https://events.example.com")];
        assert_eq!(
            resolve(hosted.clone(), &apart).unwrap().unwrap(),
            "https://events.example.com/e/variable"
        );
        let option = hosted.event_api_url("https://option.example.com");
        assert_eq!(resolve(option, &apart).unwrap().unwrap(), "https://option.example.com/e/variable");
        let dev = SetupOpts::default().dev(true);
        assert_eq!(resolve(dev.clone(), &[]).unwrap().unwrap(), "http://127.0.0.1:8288/e/NO_EVENT_KEY_SET");
        assert_eq!(resolve(dev, &key).unwrap().unwrap(), "http://127.0.0.1:8288/e/variable");
    }

    #[test]
    fn what_makes_no_sense_is_named_and_keys_are_not_shown() {
        for key in ["", "two words", "..", "line\nbreak"] {
            let error = resolve(cloud().event_key(key), &[]).unwrap_err();
            assert!(
                error.contains("SetupOpts::event_key") && (key.is_empty() || !error.contains(key)),
                "{error}"
            );
        }
        let error = resolve(cloud(), &[(env::EVENT_KEY, "se cret")]).unwrap_err();
        assert!(error.contains(env::EVENT_KEY) && !error.contains("cret"), "{error}");
        let error = resolve(cloud(), &[(env::EVENT_API_BASE_URL, "inn.gs")]).unwrap_err();
        assert!(error.contains(env::EVENT_API_BASE_URL) && !error.contains("inn.gs"), "{error}");
        assert!(!format!("{:?}", cloud().event_key("secret")).contains("secret"));
    }
}

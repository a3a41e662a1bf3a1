//! What was decided about the order of a run's steps, as it is stored.

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::wire::StepHash;

/// One turn. As JSON: `"<hash>:<steps>"`, or `"-<hash>:<milliseconds>"` for a step that was
/// dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// This step's result was given, when the handler had come to so many steps, as far as that is
    /// known.
    Given(StepHash, u32),
    /// The handler dropped this step by itself, so long after its request began.
    Dropped(StepHash, Duration),
}

impl Decision {
    /// The step that it is about.
    pub(super) fn step(&self) -> StepHash {
        let (Self::Given(step, _) | Self::Dropped(step, _)) = self;
        *step
    }
}

impl Serialize for Decision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Given(hash, steps) => serializer.collect_str(&format_args!("{hash}:{steps}")),
            Self::Dropped(hash, after) => {
                serializer.collect_str(&format_args!("-{hash}:{}", after.as_millis()))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Decision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let read = || {
            let (hash, number) = text.split_once(':')?;
            Some(match hash.strip_prefix('-') {
                None => Self::Given(StepHash::from_hex(hash)?, number.parse().ok()?),
                Some(hash) => {
                    Self::Dropped(StepHash::from_hex(hash)?, Duration::from_millis(number.parse().ok()?))
                }
            })
        };
        read().ok_or_else(|| D::Error::custom("not a decision about a step"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_come_back_as_they_were_stored() {
        let hash = StepHash::of("before");
        let decisions = [Decision::Given(hash, 3), Decision::Dropped(hash, Duration::from_millis(1_500))];
        let json = serde_json::to_string(&decisions).unwrap();
        assert_eq!(
            json,
            r#"["51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d:3","-51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d:1500"]"#
        );
        assert_eq!(serde_json::from_str::<[Decision; 2]>(&json).unwrap(), decisions);
        assert!(serde_json::from_str::<Decision>(r#""-51de2b83:1""#).is_err());
    }
}

//! Functions that `#[step_fn]` must bear: wherever a function can be, and whatever it looks like.

use std::future::Future;
use std::pin::Pin;

use inngest::function::{Helper, StepMeta, registered_helpers};
use inngest::{Step, StepError};

type Outcome = Result<String, StepError>;

async fn word(word: &str) -> Result<String, std::io::Error> {
    Ok(word.to_owned())
}

/// The steps of helpers of this name.
fn steps_of(function: &str) -> Vec<&'static str> {
    let path = format!("pass::helpers::{function}");
    let helpers = registered_helpers().filter(|helper| helper.function() == path);
    let mut ids: Vec<_> = helpers.flat_map(Helper::steps).map(StepMeta::id).collect();
    ids.sort_unstable();
    ids
}

/// A method with a body in a trait, one without that has it in the `impl`, and an associated
/// function.
trait Greets {
    fn name(&self) -> &str;

    #[inngest::step_fn]
    async fn greet(&self, step: &Step) -> Outcome {
        step.run("default", async { Ok(word(self.name()).await?) }).await
    }

    async fn part(step: Step) -> Outcome;
}

struct Guest<'a, T>(&'a str, T);

impl<T: Sync> Greets for Guest<'_, T> {
    fn name(&self) -> &str {
        self.0
    }

    #[inngest::step_fn]
    async fn part(mut step: Step) -> Outcome {
        let step = &mut step;
        step.run("part", async { Ok(word("goodbye").await?) }).await
    }
}

/// What `#[async_trait]` makes of a method before it comes to the attributes on it.
impl<T: Sync> Guest<'_, T> {
    #[inngest::step_fn]
    #[allow(clippy::redundant_locals)]
    fn boxed<'life0, 'life1, 'async_trait>(
        &'life0 self,
        step: &'life1 Step,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let __self = self;
            let step = step;
            let __ret: Outcome = { step.run("boxed", async { Ok(word(__self.0).await?) }).await };
            __ret
        })
    }
}

/// Generic in each way, and called by nobody.
#[allow(dead_code)]
#[inngest::step_fn]
async fn uncalled<'a, T, const N: usize>(
    words: [&'a str; N],
    step: &'a inngest::Step,
    choose: impl FnOnce([&'a str; N]) -> T,
) -> Result<T, StepError>
where
    T: serde::Serialize + serde::de::DeserializeOwned,
{
    step.run("uncalled", async { Ok(choose(words)) }).await
}

/// Methods of one name, of a macro.
macro_rules! shouts {
    ($($name:ident $id:literal $body:block)*) => {$(
        struct $name;
        impl $name {
            #[inngest::step_fn]
            pub(crate) async fn shout(step: &Step) -> Outcome {
                step.run($id, async $body).await
            }
        }
    )*};
}

shouts! {
    Loud "loud" { Ok(word("LOUD").await?) }
    Louder "louder" { Ok(word("LOUDER").await?) }
}

/// Names that mean something else where the helper is, and in its body.
mod names {
    #![no_implicit_prelude]
    #![allow(dead_code)]

    pub(super) mod core {}
    pub(super) mod inventory {}
    pub(super) mod facade {
        pub(crate) use ::inngest as durable;
    }
    use facade::durable::{Step, StepError};

    #[facade::durable::step_fn(crate = facade::durable)]
    pub(super) async fn r#type(r#in: &Step) -> ::core::result::Result<::std::string::String, StepError> {
        #![allow(unused_imports)]
        use super::*;
        let step = r#in;
        step.run("raw", async { ::core::result::Result::Ok(super::word("raw").await?) }).await
    }
}

/// Other attributes, on either side; a step without a name; a helper that calls helpers, itself
/// too.
#[must_use]
#[inngest::step_fn(allow(clock))]
#[tracing::instrument(skip_all)]
async fn traced(_: &Step) -> bool {
    tokio::time::Instant::now().elapsed().is_zero()
}

#[tracing::instrument(skip(step))]
#[inngest::step_fn]
async fn recursive(step: &Step, depth: u8) -> Outcome {
    let _ = traced(step).await;
    if depth > 0 {
        return Box::pin(recursive(step, depth - 1)).await;
    }
    step.run("recursive", async { Ok(word("deep").await?) }).await
}

#[tokio::test]
async fn helpers_may_be_anywhere() {
    #[inngest::step_fn]
    async fn inner(step: &Step) -> Outcome {
        const WORD: &str = "inner";
        tokio::try_join!(step.run("a", async { Ok(word(WORD).await?) }), async {
            step.run("b", async { Ok(word(WORD).await?) }).await
        })
        .map(|(a, b)| a + &b)
    }
    let step = Step::detached();
    let guest = Guest("hello", 5);
    assert_eq!(inner(&step).await.unwrap(), "innerinner");
    assert_eq!(guest.greet(&step).await.unwrap(), "hello");
    assert_eq!(<Guest<'_, u8>>::part(step.clone()).await.unwrap(), "goodbye");
    assert_eq!(guest.boxed(&step).await.unwrap(), "hello");
    assert_eq!(Loud::shout(&step).await.unwrap(), "LOUD");
    assert_eq!(Louder::shout(&step).await.unwrap(), "LOUDER");
    assert_eq!(names::r#type(&step).await.unwrap(), "raw");
    assert_eq!(recursive(&step, 2).await.unwrap(), "deep");

    for (function, steps) in [
        ("inner", &["a", "b"][..]),
        ("greet", &["default"]),
        ("part", &["part"]),
        ("boxed", &["boxed"]),
        ("uncalled", &["uncalled"]),
        ("shout", &["loud", "louder"]),
        ("names::type", &["raw"]),
        ("traced", &[]),
        ("recursive", &["recursive"]),
    ] {
        assert_eq!(steps_of(function), steps, "{function}");
    }
}

//! Endpoints in a library whose lints are those of demanding users: what `#[api_fn]` and
//! `#[step_fn]` add must pass them all.
//!
//! It has an item of each kind that the attribute makes, and each is public, because many lints
//! look only at those.

#![forbid(unsafe_code)]
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    missing_copy_implementations,
    unreachable_pub,
    unused_qualifications,
    rust_2018_idioms,
    rust_2024_compatibility,
    future_incompatible,
    nonstandard_style,
    let_underscore_drop,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unused,
    unused_import_braces,
    unused_lifetimes,
    unused_results,
    variant_size_differences,
    unit_bindings,
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::cargo
)]
#![deny(
    clippy::absolute_paths,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::clone_on_ref_ptr,
    clippy::decimal_literal_representation,
    clippy::default_numeric_fallback,
    clippy::empty_enum_variants_with_brackets,
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::let_underscore_must_use,
    clippy::let_underscore_untyped,
    clippy::min_ident_chars,
    clippy::missing_docs_in_private_items,
    clippy::missing_inline_in_public_items,
    clippy::missing_trait_methods,
    clippy::multiple_inherent_impl,
    clippy::panic,
    clippy::pub_use,
    clippy::redundant_type_annotations,
    clippy::shadow_reuse,
    clippy::shadow_same,
    clippy::shadow_unrelated,
    clippy::single_char_lifetime_names,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::str_to_string,
    clippy::tests_outside_test_module,
    clippy::todo,
    clippy::undocumented_unsafe_blocks,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used,
    clippy::use_debug,
    clippy::wildcard_enum_match_arm
)]
#![allow(
    clippy::multiple_crate_versions,
    clippy::cargo_common_metadata,
    clippy::future_not_send,
    reason = "what these say is not about code that the attribute makes"
)]

use core::{future::ready, time::Duration};

use axum::extract::State;
use axum::http::request::Parts;
use axum::Json;
use axum::{routing::post, Router};
use inngest::output::RunOutput;
use inngest::{EventData, Step, StepError};
use serde::{Deserialize, Serialize};

/// What is bought.
#[derive(Debug, Deserialize)]
#[non_exhaustive]
pub struct Cart {
    /// What.
    pub item: String,
}

/// What was bought.
#[derive(Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Receipt {
    /// What.
    pub item: String,
    /// How often.
    pub times: u32,
}

/// What the handlers share.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Shop {
    /// How often everything is bought.
    pub times: u32,
}

impl Shop {
    /// A shop where everything is bought as often.
    #[inline]
    #[must_use]
    pub const fn new(times: u32) -> Self {
        Self { times }
    }

    /// Packs something, as a helper.
    ///
    /// # Errors
    /// When its step fails.
    #[inline]
    #[inngest::step_fn]
    pub async fn pack<Item: AsRef<str> + Sync>(&self, step: &Step, item: &Item) -> Result<String, StepError> {
        /// What stands before it.
        const WORD: &str = "packed";
        step.run("pack", async { Ok(format!("{WORD} {} {}", self.times, item.as_ref())) }).await
    }
}

/// Buys, and rests.
///
/// # Errors
/// When it cannot.
#[inline]
#[inngest::api_fn(id = "strict-buy", retries = 2, async_response = custom(accepted), max_request_time = "30s")]
pub async fn buy(
    State(shop): State<Shop>,
    step: Step,
    Json(cart): Json<Cart>,
) -> Result<Json<Receipt>, StepError> {
    let receipt = step.run("buy", async { Ok(Receipt { item: cart.item, times: shop.times }) }).await?;
    step.sleep("rest", Duration::from_secs(60)).await;
    Ok(Json(receipt))
}

/// The answer when it is handed over.
async fn accepted(parts: Parts, output: RunOutput) -> String {
    ready(format!("{} {}", parts.method, output.run_id())).await
}

/// Something was bought.
#[derive(Debug, Deserialize, Serialize, EventData)]
#[event(name = "strict/bought", v = "1")]
#[non_exhaustive]
pub struct Bought {
    /// What.
    pub item: String,
    /// How often.
    times: u32,
}

/// Tells of it, and waits for another.
///
/// # Errors
/// When its step fails.
#[inline]
#[inngest::api_fn(id = "strict-events")]
pub async fn events(step: Step) -> Result<Json<Option<u32>>, StepError> {
    let told = step.send("tell", Bought { item: "tea".to_owned(), times: 1 }).await?;
    let wait = step.wait_for::<Bought>("wait").matching(|bought| bought.item.eq(&told));
    Ok(Json(wait.await?.map(|bought| bought.data.times)))
}

/// Is recorded always, and has no step.
#[inline]
#[inngest::api_fn(id = "strict-tracked", track = always)]
pub async fn tracked() -> &'static str {
    ready("tracked").await
}

/// Does nothing with its step.
#[inline]
#[inngest::api_fn(id = "strict-unused")]
pub async fn unused(_: Step) -> &'static str {
    ready("unused").await
}

/// Begins with an item.
///
/// # Errors
/// When its step fails.
#[inline]
#[inngest::api_fn(id = "strict-item")]
pub async fn item(step: Step) -> Result<String, StepError> {
    /// What it says.
    const WORD: &str = "item";
    step.run("say", async { Ok(WORD.to_owned()) }).await
}

/// In a module.
pub mod inner {
    use inngest::{Step, StepError};

    /// Begins with a `use`.
    ///
    /// # Errors
    /// When its step fails.
    #[inline]
    #[inngest::api_fn(id = "strict-with-use", omit_request_body, omit_response_body)]
    pub async fn with_use(step: Step) -> Result<String, StepError> {
        use core::fmt::Write as _;
        step.run("say", async {
            let mut text = String::new();
            write!(text, "use")?;
            Ok(text)
        })
        .await
    }

    /// Is seen by this crate alone.
    #[inngest::api_fn(id = "strict-private", sync_only)]
    pub(crate) async fn private(step: Step) -> Result<String, StepError> {
        step.run("say", async { Ok("private".to_owned()) }).await
    }
}

/// All of them.
#[inline]
pub fn routes() -> Router<Shop> {
    Router::new()
        .route("/buy", post(buy))
        .route("/tracked", post(tracked))
        .route("/unused", post(unused))
        .route("/events", post(events))
        .route("/item", post(item))
        .route("/with-use", post(inner::with_use))
        .route("/private", post(inner::private))
}

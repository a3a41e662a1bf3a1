//! The guide: what an app needs to know beyond its first handler, a page for each question.
//!
//! | Page | Answers |
//! |---|---|
//! | [`lifecycle`] | what happens on a request, and what must a handler heed? |
//! | [`combining`] | how do steps combine, and what does it cost? |
//! | [`layers`] | where do logins, limits and other layers go? |
//! | [`streaming`] | how does a client read what a handler tells it before the response? |
//! | [`errors`] | what does an error do, to the run and to its client? |
//! | [`setup`] | which keys, which TLS, which proxy, which address? |
//! | [`production`] | how is a durable app deployed and sized, and what does Inngest keep? |
//! | [`observability`] | what do logs, metrics and traces show? |
//! | [`serverless`] | how does an app run where the process is frozen between requests? |
//! | [`testing`] | how do tests skip sleeps and waits of days? |
//! | [`versions`] | what does a deploy do to runs in flight? |
//!
//! The guide uses these words. A **run** begins with a request to a durable endpoint; that is its
//! **first request**. A **step** is a part of the run, and Inngest stores its result. When only
//! Inngest can continue a run, the app **hands it over** and redirects the client to the run's
//! output. Inngest then calls the endpoint again: each such request is a **re-entry**. A **call**
//! is a request that the app makes to Inngest's API.

// The examples on these pages are compiled and run in the package `tests`, which has the engine and
// every feature. The modules exist in documentation alone.

#[doc = include_str!("combining.md")]
pub mod combining {}
#[doc = include_str!("errors.md")]
pub mod errors {}
#[doc = include_str!("layers.md")]
pub mod layers {}
#[doc = include_str!("lifecycle.md")]
pub mod lifecycle {}
#[doc = include_str!("observability.md")]
pub mod observability {}
#[doc = include_str!("production.md")]
pub mod production {}
#[doc = include_str!("serverless.md")]
pub mod serverless {}
#[doc = include_str!("setup.md")]
pub mod setup {}
#[doc = include_str!("streaming.md")]
pub mod streaming {}
#[doc = include_str!("testing.md")]
pub mod testing {}
#[doc = include_str!("versions.md")]
pub mod versions {}

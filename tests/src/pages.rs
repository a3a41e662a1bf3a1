//! README and the pages of the SDK's guide, whose examples are compiled and run here: this package
//! has the engine, and every feature of the SDK.

/// Under the names that README uses.
#[doc = include_str!("../../README.md")]
struct Readme;
#[doc = include_str!("../../stephttp/src/guide/combining.md")]
struct Combining;
#[doc = include_str!("../../stephttp/src/guide/errors.md")]
struct Errors;
#[doc = include_str!("../../stephttp/src/guide/layers.md")]
struct Layers;
#[doc = include_str!("../../stephttp/src/guide/lifecycle.md")]
struct Lifecycle;
#[doc = include_str!("../../stephttp/src/guide/observability.md")]
struct Observability;
#[doc = include_str!("../../stephttp/src/guide/production.md")]
struct Production;
#[doc = include_str!("../../stephttp/src/guide/serverless.md")]
struct Serverless;
#[doc = include_str!("../../stephttp/src/guide/setup.md")]
struct Setup;
#[doc = include_str!("../../stephttp/src/guide/streaming.md")]
struct Streaming;
#[doc = include_str!("../../stephttp/src/guide/testing.md")]
struct Testing;
#[doc = include_str!("../../stephttp/src/guide/versions.md")]
struct Versions;

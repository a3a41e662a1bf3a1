use axum::Router;
use inngest::Provider;

fn app(inngest: Provider) -> Router {
    Router::new().layer(inngest)
}

fn main() {
    let _ = app;
}

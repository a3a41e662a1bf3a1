use inngest::Step;

struct Shop;

impl Shop {
    #[inngest::api_fn(id = "handler")]
    async fn handler(&self, _: Step) {}
}

fn main() {
    drop(Shop.handler(Step::detached()));
}

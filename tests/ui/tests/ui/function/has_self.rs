use stephttp::Step;

struct Shop;

impl Shop {
    #[stephttp::api_fn(id = "handler")]
    async fn handler(&self, _: Step) {}
}

fn main() {
    drop(Shop.handler(Step::detached()));
}

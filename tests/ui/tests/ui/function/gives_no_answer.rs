use inngest::Step;

struct Cart {
    items: u32,
}

#[inngest::api_fn(id = "handler")]
async fn handler(_: Step) -> Cart {
    Cart { items: 1 }
}

fn main() {
    let _ = (handler, |cart: Cart| cart.items);
}

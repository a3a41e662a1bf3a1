use stephttp::Step;

struct Cart {
    items: u32,
}

#[stephttp::api_fn(id = "handler")]
async fn handler(_: Step) -> Cart {
    Cart { items: 1 }
}

fn main() {
    let _ = (handler, |cart: Cart| cart.items);
}

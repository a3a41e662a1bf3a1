use inngest::EventData;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, EventData)]
struct OrderPaid {
    order: String,
}

fn main() {}

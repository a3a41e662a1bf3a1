// A warning, which is an error here to be seen.
#![deny(warnings)]

use inngest::{Step, StepError};

/// As the crate of this name has it.
mod scopeguard {
    pub struct ScopeGuard<T, F: FnMut(&mut T)>(T, F);

    impl<T, F: FnMut(&mut T)> Drop for ScopeGuard<T, F> {
        fn drop(&mut self) {
            (self.1)(&mut self.0);
        }
    }

    pub fn guard<T, F: FnMut(&mut T)>(value: T, dropped: F) -> ScopeGuard<T, F> {
        ScopeGuard(value, dropped)
    }
}

fn refund(_order: &mut u32) {}

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<(), StepError> {
    let _refund = scopeguard::guard(7, |order| refund(order));
    step.run("ship", async { Ok(()) }).await
}

fn main() {
    let _ = handler;
}

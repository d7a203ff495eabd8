//! Panics of the system under test, caught without noise.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
};

use crate::marks::Broken;

/// A panic of a node.
#[derive(Clone, Debug)]
pub(crate) struct Panic {
    /// It was ours: something that must always hold does not.
    pub(crate) broken: Option<Broken>,
    pub(crate) message: String,
    /// `file:line`.
    pub(crate) location: String,
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static LOCATION: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `code` and catches its panic. The program's panic hook hears nothing of it.
pub(crate) fn catch<R>(code: impl FnOnce() -> R) -> Result<R, Panic> {
    let before = QUIET.replace(true);
    let result = catch_again(code);
    QUIET.set(before);
    result
}

/// The same within code that [`catch`] runs already: once an event, so it costs next to nothing.
#[inline]
pub(crate) fn catch_again<R>(code: impl FnOnce() -> R) -> Result<R, Panic> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| Panic {
        broken: payload.downcast_ref().copied(),
        message: message(&*payload),
        location: LOCATION.take(),
    })
}

/// Makes the program's panic hook pass over panics that are caught here. Once for the whole program.
pub(crate) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let earlier = take_hook();
        set_hook(Box::new(move |info| {
            if !QUIET.get() {
                return earlier(info);
            }
            let place = info.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
            LOCATION.set(place);
        }));
    });
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_string())
}

//! Signals, memos and stored values of any type, over Leptos' own of one type.
//!
//! Leptos makes reading, writing and notifying anew for each type that a signal holds, and all of it travels to the browser. Here it
//! is there once, for a box that can hold anything; what is made anew for each type is the way into the box and out of it.
//! docs/bundle.md tells what that saves.

use core::{any::Any, fmt, marker::PhantomData};

use leptos::prelude::{
    ArcRwSignal as ArcCell, Memo as Derived, RwSignal as Cell, StoredValue as Store, Track as _, Update as _,
    UpdateValue as _, With as _, WithUntracked as _, WithValue as _,
};
pub use leptos::prelude::{Effect, Owner, RenderEffect, event_target_value, on_cleanup, untrack};

/// What is in the box.
type Value = Box<dyn Any + Send + Sync>;

/// What hears of a look into the box, and of a change in it.
type Look<'a> = &'a mut dyn FnMut(&(dyn Any + Send + Sync));
type Change<'a> = &'a mut dyn FnMut(&mut (dyn Any + Send + Sync));

const GONE: &str = "used after the view that it belongs to";

/// One kind of box: how it is looked into and changed, whatever it holds. Nothing happens once it is gone.
trait Boxed: Copy {
    fn look(self, tracked: bool, look: Look<'_>);
    fn change(self, change: Change<'_>);
}

impl Boxed for Cell<Value> {
    #[inline(never)]
    fn look(self, tracked: bool, look: Look<'_>) {
        if tracked {
            let _ = self.try_with(|value| look(&**value));
        } else {
            let _ = self.try_with_untracked(|value| look(&**value));
        }
    }

    #[inline(never)]
    fn change(self, change: Change<'_>) {
        let _ = self.try_update(|value| change(&mut **value));
    }
}

impl Boxed for Store<Value> {
    #[inline(never)]
    fn look(self, _tracked: bool, look: Look<'_>) {
        let _ = self.try_with_value(|value| look(&**value));
    }

    #[inline(never)]
    fn change(self, change: Change<'_>) {
        let _ = self.try_update_value(|value| change(&mut **value));
    }
}

impl Boxed for Derived<Value> {
    #[inline(never)]
    fn look(self, tracked: bool, look: Look<'_>) {
        if tracked {
            let _ = self.try_with(|value| look(&**value));
        } else {
            let _ = self.try_with_untracked(|value| look(&**value));
        }
    }

    fn change(self, _change: Change<'_>) {}
}

/// Opens the box for a look.
fn read<T: 'static, R>(cell: impl Boxed, tracked: bool, read: impl FnOnce(&T) -> R) -> Option<R> {
    let (mut read, mut answer) = (Some(read), None);
    cell.look(tracked, &mut |value| {
        if let (Some(value), Some(read)) = (value.downcast_ref(), read.take()) {
            answer = Some(read(value));
        }
    });
    answer
}

/// Opens the box for a change.
fn write<T: 'static, R>(cell: impl Boxed, change: impl FnOnce(&mut T) -> R) -> Option<R> {
    let (mut change, mut answer) = (Some(change), None);
    cell.change(&mut |value| {
        if let (Some(value), Some(change)) = (value.downcast_mut(), change.take()) {
            answer = Some(change(value));
        }
    });
    answer
}

/// A handle that can be copied, whatever it is of.
macro_rules! handle {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        pub struct $name<T> {
            cell: $inner,
            holds: PhantomData<fn() -> T>,
        }

        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<T> Copy for $name<T> {}

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}

handle!(
    /// A value that tells who read it when it changes.
    RwSignal,
    Cell<Value>
);
handle!(
    /// What is worked out from signals, and tells of a change only when it differs.
    Memo,
    Derived<Value>
);
handle!(
    /// A value that tells nobody.
    StoredValue,
    Store<Value>
);

/// Reading of what tells.
macro_rules! readable {
    ($name:ident) => {
        impl<T: Send + Sync + 'static> $name<T> {
            /// Reads it; who reads it hears of changes.
            pub fn with<R>(self, look: impl FnOnce(&T) -> R) -> R {
                read(self.cell, true, look).expect(GONE)
            }

            /// Reads it without hearing of changes.
            pub fn with_untracked<R>(self, look: impl FnOnce(&T) -> R) -> R {
                self.try_with_untracked(look).expect(GONE)
            }

            /// Likewise; `None` once it is gone.
            pub fn try_with_untracked<R>(self, look: impl FnOnce(&T) -> R) -> Option<R> {
                read(self.cell, false, look)
            }
        }

        impl<T: Clone + Send + Sync + 'static> $name<T> {
            /// A copy of it; who takes it hears of changes.
            #[must_use]
            pub fn get(self) -> T {
                self.with(T::clone)
            }

            /// A copy of it, without hearing of changes.
            #[must_use]
            pub fn get_untracked(self) -> T {
                self.with_untracked(T::clone)
            }

            /// Likewise; `None` once it is gone.
            #[must_use]
            pub fn try_get_untracked(self) -> Option<T> {
                self.try_with_untracked(T::clone)
            }
        }
    };
}

readable!(RwSignal);
readable!(Memo);

impl<T: Send + Sync + 'static> RwSignal<T> {
    /// Holds `value`.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self { cell: Cell::new(Box::new(value)), holds: PhantomData }
    }

    /// Hears of changes.
    pub fn track(self) {
        self.cell.track();
    }

    /// Holds `value` from now on; nothing happens once it is gone.
    pub fn set(self, value: T) {
        write(self.cell, |held| *held = value);
    }

    /// Changes what it holds; nothing happens once it is gone.
    pub fn update(self, change: impl FnOnce(&mut T)) {
        write(self.cell, change);
    }
}

impl<T: PartialEq + Send + Sync + 'static> Memo<T> {
    /// What `work` gives.
    #[must_use]
    pub fn new(work: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Self { cell: derive(Box::new(move || Box::new(work())), differ::<T>), holds: PhantomData }
    }
}

fn derive(
    work: Box<dyn Fn() -> Value + Send + Sync>,
    differ: fn(Option<&Value>, Option<&Value>) -> bool,
) -> Derived<Value> {
    Derived::new_with_compare(move |_| work(), differ)
}

fn differ<T: PartialEq + 'static>(former: Option<&Value>, now: Option<&Value>) -> bool {
    match (former.map(|value| (**value).downcast_ref::<T>()), now.map(|value| (**value).downcast_ref::<T>())) {
        (Some(former), Some(now)) => former != now,
        _ => true,
    }
}

impl<T: Send + Sync + 'static> StoredValue<T> {
    /// Keeps `value`.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self { cell: Store::new(Box::new(value)), holds: PhantomData }
    }

    /// Reads it.
    pub fn with_value<R>(self, look: impl FnOnce(&T) -> R) -> R {
        self.try_with_value(look).expect(GONE)
    }

    /// Likewise; `None` once it is gone.
    pub fn try_with_value<R>(self, look: impl FnOnce(&T) -> R) -> Option<R> {
        read(self.cell, false, look)
    }

    /// Changes it; `None` once it is gone.
    pub fn try_update_value<R>(self, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        write(self.cell, change)
    }

    /// Changes it; nothing happens once it is gone.
    pub fn update_value(self, change: impl FnOnce(&mut T)) {
        write(self.cell, change);
    }

    /// Keeps `value` from now on.
    pub fn set_value(self, value: T) {
        self.update_value(|kept| *kept = value);
    }
}

impl<T: Clone + Send + Sync + 'static> StoredValue<T> {
    /// A copy of it.
    #[must_use]
    pub fn get_value(self) -> T {
        self.with_value(T::clone)
    }

    /// Likewise; `None` once it is gone.
    #[must_use]
    pub fn try_get_value(self) -> Option<T> {
        self.try_with_value(T::clone)
    }
}

/// A signal that belongs to no view, and goes with the last who has it.
pub struct ArcRwSignal<T> {
    cell: ArcCell<Value>,
    holds: PhantomData<fn() -> T>,
}

impl<T> Clone for ArcRwSignal<T> {
    fn clone(&self) -> Self {
        Self { cell: self.cell.clone(), holds: PhantomData }
    }
}

impl<T> fmt::Debug for ArcRwSignal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ArcRwSignal")
    }
}

impl Boxed for &ArcCell<Value> {
    #[inline(never)]
    fn look(self, tracked: bool, look: Look<'_>) {
        if tracked {
            self.track();
        }
        let _ = self.try_with_untracked(|value| look(&**value));
    }

    #[inline(never)]
    fn change(self, change: Change<'_>) {
        let _ = self.try_update(|value| change(&mut **value));
    }
}

impl<T: Send + Sync + 'static> ArcRwSignal<T> {
    /// Holds `value`.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self { cell: ArcCell::new(Box::new(value)), holds: PhantomData }
    }

    /// Reads it; who reads it hears of changes.
    pub fn with<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        read(&self.cell, true, look).expect(GONE)
    }

    /// Reads it without hearing of changes.
    pub fn with_untracked<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        read(&self.cell, false, look).expect(GONE)
    }

    /// Holds `value` from now on.
    pub fn set(&self, value: T) {
        write(&self.cell, |held| *held = value);
    }
}

impl<T: Clone + Send + Sync + 'static> ArcRwSignal<T> {
    /// A copy of it; who takes it hears of changes.
    #[must_use]
    pub fn get(&self) -> T {
        self.with(T::clone)
    }

    /// A copy of it, without hearing of changes.
    #[must_use]
    pub fn get_untracked(&self) -> T {
        self.with_untracked(T::clone)
    }
}

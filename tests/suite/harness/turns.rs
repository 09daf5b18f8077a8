//! Who may use the machine: timing-sensitive cases run alone, the others together.
//!
//! The lock is fair: a waiting quiet case is not overtaken for ever by busy ones.

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static MACHINE: RwLock<()> = RwLock::new(());

/// Hold this while a case runs whose outcome does not depend on how fast the machine is.
pub fn busy() -> RwLockReadGuard<'static, ()> {
    MACHINE.read()
}

/// Hold this while a case measures time: no other case of this binary runs meanwhile.
pub fn quiet() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write()
}

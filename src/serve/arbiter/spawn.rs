//! Forking a worker.

use nix::unistd::{ForkResult, getpid};

use super::run::Arbiter;
use crate::machine::sys;
use crate::serve::console::Phrase;
use crate::serve::scoreboard::SEATS;
use crate::serve::worker::{self, Inheritance};

impl Arbiter {
    /// Fork one worker. In the child this never returns.
    pub(super) fn spawn(&mut self, age: u64) {
        let Some(listeners) = self.listeners.clone() else {
            return;
        };
        let Some(number) = self.roster.free_seat(SEATS) else {
            return self.log.say(&Phrase::ForkFailed {
                error: &format!("the scoreboard has no more than {SEATS} seats"),
            });
        };
        let seat = self.board.seat(number);
        seat.assign(age);
        let arbiter = getpid();
        match sys::fork_single_threaded() {
            Ok(ForkResult::Parent { child }) => {
                seat.occupy(u32::try_from(child.as_raw()).unwrap_or(0));
                self.roster.on_spawn(child.as_raw(), age, number);
            }
            Ok(ForkResult::Child) => {
                // What is the arbiter's own is closed here, and not used again.
                self.signals = None;
                self.control = None;
                self.lane = None;
                let code = worker::live(Inheritance {
                    settings: self.settings.clone(),
                    environment: self.environment.clone(),
                    log: self.log.clone(),
                    access: self.access.clone(),
                    listeners,
                    board: self.board.clone(),
                    seat,
                    arbiter,
                });
                sys::exit_now(code);
            }
            Err(error) => {
                seat.clear();
                self.log.say(&Phrase::ForkFailed {
                    error: &error.to_string(),
                });
            }
        }
    }
}

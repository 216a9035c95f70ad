//! What must hold for whole releases, whatever stops the machines that drive them.

mod crashes;
mod end;
mod frozen;

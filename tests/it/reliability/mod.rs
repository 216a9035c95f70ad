//! What must hold for whole releases, whatever stops the machines that drive them.

mod crashes;
mod crowd;
mod end;
mod frozen;
mod lost_answers;
mod side_by_side;

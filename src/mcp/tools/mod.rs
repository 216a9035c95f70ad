//! What the tools are: each row says what a tool is called, what it takes, and what it does.
//!
//! Rows are filed by subject, and each names its toolset: `status` and `runs` (looks at releases; at runs of
//! this server), `tasks`, `issues`, `jobs`, `analysis` (builds), `admin` (cache, runners, help). Without rows:
//! `explain` (plans for agents), `runners` (the command lines behind the runners of `admin`) and `stored` (the
//! state as tools and resources show it).
//!
//! Refuses: rules, calls to services, formatting beyond [`super::reply::Reply`].

pub mod admin;
pub mod analysis;
pub mod issues;
pub mod jobs;
pub mod runs;
pub mod status;
pub mod tasks;

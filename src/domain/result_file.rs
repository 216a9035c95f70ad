//! The test record of one build, and the registry of jobs that it is judged by.

//! Messages to people; a message never changes a task's status.

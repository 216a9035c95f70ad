//! "Never" and "always" sentences, tried on many random cases.
//!
//! What must hold of a state file, and the test that holds it (each in this folder unless a path is named):
//!
//! | Rule | Test |
//! |---|---|
//! | read and written back, a file is the same byte for byte | `corpus::every_real_state_is_written_back_byte_for_byte` |
//! | a change touches its own fields | `state::a_change_touches_one_task_or_the_issues_and_nothing_else` |
//! | no change of one writer is lost by another's | `many_writers`, `rehearsals::writers::eight_machines_write_through_a_broken_github_and_every_answer_is_true` |
//! | an operation applied twice is applied once | `state::applying_an_operation_twice_is_applying_it_once` |
//! | a finished task stays | `state::a_finished_task_never_changes_without_an_override` |
//! | times fit statuses; old files that differ are reported | `state::times_of_a_moved_task_fit_its_status`, `corpus::the_oddities_of_real_states_are_reported_and_not_repaired` |
//! | no status is learned from a text | `corpus::every_fail_of_the_real_states_has_its_cause` (old files alone are read so) |
//! | every run that ends leaves what it came to | `races::a_stopped_run_says_so_and_its_task_is_not_failed`, `crash`, `runs::executor::tests::a_panic_is_recorded_and_the_next_request_works` |
//! | nothing that is stored names a person or a secret | `state::nothing_that_is_stored_names_a_person_or_a_token`, `canaries` |
//! | masked twice is masked once | `state::masking_twice_is_masking_once` |
//! | a release gets one file however many make it | `races::two_creations_at_once_make_one_file_and_both_say_so` |
//! | what nobody knows survives | `state::strangers_survive_every_operation` |
//! | what cannot be read is not written over | `core::statebox::state_box::tests::a_broken_file_is_never_written_over` |
//! | an open issue is closed by resolving alone | `state::an_open_issue_is_closed_by_resolving_alone` |
//! | an open issue that is reported again is no error | `state::an_open_issue_is_returned_and_never_an_error` |
//! | a run that was replaced cannot change its task | `one_winner::a_run_whose_announcement_was_replaced_can_no_longer_change_the_task` |
//! | the state or build of another release is not worked on | `bad_input::the_file_of_another_release_is_not_worked_on`, `rehearsals::strangers` |
//! | what build data no longer says is not deleted | `state::bringing_metadata_up_to_date_never_removes_a_value` |
//! | effective build data follows ART's rules | `corpus::every_vector_is_written_and_read_as_the_original_does`, `domain::assembly::tests` |
//! | sealed settings open with every form of their key and with no other | `core::config::jwe::tests::no_bit_of_a_sealed_text_can_change_unnoticed` |
//! | release dates are read in every form | `domain::dates::tests::release_dates_are_read_in_every_form_seen`, `anything_else_is_not_a_date` |
//! | every unfinished release of every minor is listed | `domain::discovery::tests`, `core::statebox::directory::tests::state_and_tracking_files_of_every_minor_are_found` |
//! | one broken file hides no other | `operators::views::discovery::tests::a_damaged_file_hides_nothing_but_itself` |
//! | readers of YAML 1.1 read what we write | `pyyaml::a_hundred_thousand_hostile_texts_are_written_as_pyyaml_writes_them` |
//! | no write leaves for a host that nobody allowed | `contract::way_out`, `rehearsal` (every story has its simulator) |
//! | a verdict follows from record and registry alone | `evaluation`, `records::the_same_files_give_the_same_text_and_table_in_whatever_order_they_are_named` |
//! | a record is written back byte for byte | `records::every_real_record_but_the_two_damaged_ones_is_read_and_written_back_byte_for_byte` |
//! | the older rule says what was recorded | `records::the_older_rule_says_what_every_real_complete_record_says` |
//! | a job gets one first run | `test_records::a_job_gets_one_first_run_whoever_triggers_it_how_often_and_in_whatever_order` |
//! | a start without an answer is never repeated blindly | `domain::result_file::tests::a_job_whose_start_was_never_answered_stays_uncertain_until_its_run_is_found_or_somebody_decides` |
//! | after a crash the record alone leads to the same end | `test_records::work_that_begins_again_from_the_record_after_any_change_ends_with_the_same_record` |
//! | retries are bounded, and replaced runs are kept | `evaluation::retries_end_within_the_planned_ones_and_two_for_runs_in_error_and_replaced_runs_are_kept` |
//! | optional and disabled jobs decide nothing | `evaluation::optional_disabled_and_unknown_jobs_never_cause_retries_or_rejections` |
//! | nothing known of a run is taken away | `test_records::no_change_takes_away_a_run_what_is_known_of_it_or_how_it_ended` |
//! | a damaged record harms no other | `records::a_damaged_file_changes_nothing_about_any_other_one` |
//! | a change costs two requests | `core::statebox::state_box::tests::a_change_costs_two_requests_and_no_change_costs_one` |

mod evaluation;
mod inputs;
mod one_winner;
mod planner;
mod reached;
mod state;
mod test_records;

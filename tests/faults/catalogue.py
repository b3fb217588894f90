"""Cases of the fault catalogue that other tests show, and cases that no test shows; the report uses both lists."""

#: Number -> what is shown, and the tests that show it.
SHOWN_BY: dict[str, tuple[str, tuple[str, ...]]] = {
    "33": (
        "One row that the database refuses: the batch is halved until the one message is found; the others are stored.",
        ("tests/ingest/test_pipeline.py::test_a_message_that_the_database_refuses_costs_only_itself",),
    ),
    "35": (
        "A mail server that is down, refuses for now, or is slow: mails wait and are merged into one per episode.",
        (
            "tests/alerts/test_sending.py::test_a_server_that_is_down_delays_and_loses_nothing",
            "tests/alerts/test_sending.py::test_an_episode_that_ended_while_the_server_was_down_is_one_mail",
            "tests/alerts/test_sending.py::test_what_gathers_while_the_server_is_down_is_one_mail",
            "tests/alerts/test_sending.py::test_a_passing_refusal_is_tried_again_later",
            "tests/alerts/test_sending.py::test_a_slow_server_gets_its_time",
        ),
    ),
    "36": (
        "A mail server that disconnects before its answer gets the same mail again, under the same Message-ID.",
        ("tests/alerts/test_sending.py::test_a_connection_that_breaks_before_the_answer_sends_the_same_mail_again",),
    ),
    "37": (
        "Motus answers with 429 and Retry-After, errors, half a document, a bad certificate, or not at all.",
        (
            "tests/sync/test_motus_client.py::test_a_fault_is_one_sentence",
            "tests/sync/test_motus_client.py::test_a_short_retry_after_is_waited_for",
            "tests/sync/test_motus_client.py::test_a_slow_answer_ends_at_the_timeout",
            "tests/sync/test_motus_client.py::test_an_expired_certificate_is_not_trusted",
            "tests/sync/test_sync_run.py::test_retry_after_is_honoured_by_the_clock",
            "tests/sync/test_sync_run.py::test_the_clock_keeps_its_distance_and_backs_off",
        ),
    ),
    "43": (
        "A destroyed outbox is set aside; a new one begins a new stream.",
        (
            "tests/agent/test_outbox.py::test_a_damaged_file_is_set_aside_or_is_a_clean_prefix",
            "tests/agent/test_outbox.py::test_damage_met_while_running_sets_the_file_aside_at_the_next_start",
        ),
    ),
    "50": (
        "An outbox that a newer agent wrote is left alone, and the person is told which agent reads it.",
        ("tests/agent/test_outbox.py::test_a_file_of_a_newer_agent_is_left_alone",),
    ),
    "51": (
        "A repeated command is not run again; an interrupted one is reported as unknown.",
        (
            "tests/agent/test_commands.py::test_a_command_that_comes_again_is_not_run_again",
            "tests/agent/test_commands.py::test_a_command_that_comes_again_is_not_run_by_the_next_run_of_the_agent",
            "tests/agent/test_commands.py::test_what_was_running_and_not_harmless_is_reported_as_unknown",
        ),
    ),
    "52": (
        "Commands that are old, altered or for another station do not run; the broker gives a station only its own.",
        (
            "tests/agent/test_commands.py::test_what_must_not_run_does_not",
            "tests/stations/test_enrolment.py::test_a_station_takes_its_own_commands_and_no_other_station_s",
        ),
    ),
    "53": (
        "A command that expired while the station was away is never run, and its state says so.",
        (
            "tests/agent/test_agent_run.py::test_a_stopped_agent_runs_a_waiting_command_once_and_an_expired_one_never",
            "tests/commands/test_command_services.py::test_a_command_expires_and_a_late_result_does_not_reopen_it",
        ),
    ),
    "54": (
        "Late, repeated and foreign reports about a command change nothing; of several results at once, one wins.",
        (
            "tests/commands/test_command_services.py::test_a_command_goes_through_its_states_and_a_second_end_is_only_a_note",
            "tests/commands/test_command_services.py::test_no_station_speaks_for_anothers_command",
            "tests/commands/test_command_services.py::test_of_many_ends_at_once_exactly_one_wins",
        ),
    ),
    "55": (
        "A station has at most fifty waiting commands; the next one is refused with a reason.",
        (
            "tests/commands/test_command_services.py::test_a_retired_station_and_a_full_queue_take_no_commands",
            "tests/workers/test_relay.py::test_a_full_command_queue_refuses_and_the_row_waits",
        ),
    ),
    "56": (
        "A dangerous command in a loop: three an hour for one station, then it is refused with a reason.",
        ("tests/commands/test_command_services.py::test_a_dangerous_command_in_a_loop_is_refused",),
    ),
    "106": (
        "A worker killed while it makes a data package leaves no half one; the next run makes it whole.",
        ("tests/exports/test_packages_made.py::test_a_worker_that_is_killed_leaves_no_half_package",),
    ),
    "107": (
        "Motus' answer to a day's archive is lost: what Motus has is found and followed, and not sent twice.",
        ("tests/sync/test_motus_known_files.py::test_an_archive_whose_answer_was_lost_is_ours_and_is_followed",),
    ),
    "108": (
        "A worker killed at each step of moving a month to cold storage: no row is lost or there twice.",
        (
            "tests/telemetry/test_cold_kills.py::test_killed_before_any_statement_the_next_run_goes_on",
            "tests/telemetry/test_cold_kills.py::test_killed_before_and_after_each_act",
        ),
    ),
    "109": (
        "A worker killed while it forwards readings: each arrives, and a repeat is the same message.",
        ("tests/forward/test_forward_killed.py::test_a_webhook_gets_everything_and_repeats_are_the_same_messages",),
    ),
}

#: Number -> why it is not shown.
NOT_SHOWN: dict[str, str] = {}

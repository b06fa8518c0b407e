def test_quickstart_lists_what_it_issued(command, quickstart):
    outcome = command("--estate", quickstart, "--json", "list")
    assert outcome.code == 0
    assert len(outcome.json["certificates"]) == 38

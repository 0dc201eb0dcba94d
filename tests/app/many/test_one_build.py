"""One build per workspace at a time, whoever starts it, and a reload finds it again. Real server, real sessions."""

from core.workspace import Workspace

BUILD = "FormSubmitter:link-form-Compare"
NAME = "Comparing joined blocks with the full prefill"


def test_of_many_who_build_in_a_workspace_one_builds_and_the_others_are_told(served):
    with served.somebody_else_has_the_turn():
        tabs = [served.tab("caches").settled() for _ in range(5)]
        for tab in tabs:
            tab.until(lambda tab: tab.has("button", BUILD), "the button is there")
        for tab in tabs:
            tab.rerun(tab.type_into("link-question", "Who drew the maps?"), tab.press(BUILD))
        for tab in tabs:
            tab.settled()  # another's job may be shown before this tab's own press has been answered
            tab.until(lambda tab: NAME in tab.said() and tab.has("button", "job-cancel"), "the job is shown")
        told = [tab for tab in tabs if f"'{NAME}' is still running" in " ".join(tab.everything_said())]
        assert len(told) == 4
        assert served.vitals()["building"] == [NAME]
        # Closing them ends nothing: a tab that is opened anew finds the job, sees that it waits, and may cancel it.
        for tab in tabs:
            tab.close()
        with served.tab("caches") as reloaded:
            reloaded.until(lambda tab: "1 before this one" in tab.said(), "the job is shown to wait")
            assert served.vitals()["building"] == [NAME]
            reloaded.rerun(reloaded.press("job-cancel"))
            served.until(lambda vitals: not vitals["building"], "the job has ended")
            assert served.until(lambda vitals: vitals["people"] == 1, "its place is given up")
            reloaded.until(lambda tab: "stopped after" in tab.said(), "the page says so")


def test_a_build_of_another_process_is_not_disturbed(served):
    ws = Workspace(served.workspaces / "sample")
    with ws.lock(), served.tab("caches") as tab:
        tab.settled()
        tab.rerun(tab.press("cache-force"))
        told = "Something else is building in the workspace 'sample'"
        tab.until(lambda tab: told in " ".join(tab.everything_said()), "it is told")
    served.until(lambda vitals: not vitals["building"], "nothing builds")

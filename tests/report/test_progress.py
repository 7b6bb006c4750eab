import io

from etl.report.progress import PlainProgress, SendingView, choose_progress, describe_sending


def test_progress_in_a_pipe_is_a_plain_line_every_ten_seconds() -> None:
    now, out = [0.0], io.StringIO()
    progress = PlainProgress("docs", out, clock=lambda: now[0])
    view = SendingView(50, 200, 1, 25.0, 3, 8, "slow")
    with progress:
        for second in range(25):
            now[0] = float(second)
            progress.send(view)
    assert (
        out.getvalue().splitlines()
        == ["docs: sending: 25% 50 of 200, 25/s, 6.0 s left, 1 rejected, 3 of 8 in flight (slow)"] * 2
    )


def test_time_left_is_not_guessed_while_nothing_moves() -> None:
    assert "left" not in describe_sending(SendingView(0, 10, 0, 0.0, 1, 1))


def test_a_pipe_gets_no_terminal_codes() -> None:
    out = io.StringIO()
    with choose_progress("docs", quiet=False, out=out) as progress:
        progress.read(10, 1)
    assert "\x1b" not in out.getvalue()

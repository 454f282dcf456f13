import numpy as np
import pytest

from inna_optax._checks import as_count, as_counts, check_number, nearest, shown

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("value", [0.5, 1, np.float32(0.5), np.int64(1), np.array(0.5)])
def test_numbers_of_python_and_numpy_are_numbers(value):
    check_number("x", value, "(0, 1]")


@pytest.mark.parametrize(
    "value", [0, -1.0, 2, INF, NAN, np.float32("nan"), np.array(NAN)]
)
def test_a_number_outside_its_interval_is_refused_in_one_line(value):
    with pytest.raises(ValueError, match=r"^x must be in \(0, 1\], got ") as refused:
        check_number("x", value, "(0, 1]")
    assert str(refused.value).endswith(f"got {value!r}.")


@pytest.mark.parametrize("value", ["0.5", True, None, [0.5], 1j, np.array([0.5])])
def test_what_is_not_a_number_is_refused(value):
    with pytest.raises(TypeError, match=r"^x must be a real number in \[0, inf\), got"):
        check_number("x", value, "[0, inf)")


@pytest.mark.parametrize(("interval", "inside"), [("[0, 1)", 0), ("(-inf, inf)", 1e9)])
def test_ends_belong_to_an_interval_as_its_brackets_say(interval, inside):
    check_number("x", inside, interval)
    with pytest.raises(ValueError, match="must be in"):
        check_number("x", INF, interval)


def test_counts():
    assert as_count("n", np.int32(3), most=3) == 3
    assert as_count("n", 0, least=0) == 0
    for wrong in (0, 4):
        with pytest.raises(
            ValueError, match=rf"^n must be in \[1, 3\], got {wrong}\.$"
        ):
            as_count("n", wrong, most=3)
    for wrong in (1.0, "1", True, None):
        with pytest.raises(
            TypeError, match=r"^n must be an integer in \[1, inf\), got"
        ):
            as_count("n", wrong)


def test_several_counts():
    assert as_counts("sizes", np.array([2, 3])) == (2, 3)
    assert as_counts("sizes", ()) == ()
    message = r"^sizes must be integers in \[1, inf\), got "
    for wrong in (3, (1, 2.0), "12"):
        with pytest.raises(TypeError, match=message):
            as_counts("sizes", wrong)
    with pytest.raises(ValueError, match=message + r"\(1, 0\)\.$"):
        as_counts("sizes", (1, 0))


def test_a_long_repr_is_shown_on_one_line_of_eighty_characters():
    assert shown("a") == "'a'"
    text = shown(np.arange(100).reshape(10, 10))
    assert len(text) == 80
    assert "\n" not in text
    assert text.endswith("...")


def test_the_nearest_name_is_proposed():
    assert nearest("Digit", ["digits", "mnist"]) == " Did you mean 'digits'?"
    assert nearest("imagenet", ["digits"]) == nearest(None, ["digits"]) == ""

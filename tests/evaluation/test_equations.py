"""Plain equations are found and judged exactly."""

from dsmath_lib.evaluation.equations import equations_hold, plain_equations


def test_which_equations_are_found():
    found = plain_equations("12 + 3 = 15, then $15/3=6$.\nx + 3 = 15")
    assert [tuple(e) for e in found] == [("12 + 3", "15", True), ("15/3", "6", False)]
    assert plain_equations("The answer is \\boxed{7}.") == []


def test_a_false_equation_does_not_hold():
    assert equations_hold("12 + 3 = 15, then 15/3=5") and equations_hold("no equation")
    assert not equations_hold("12+3=16")
    assert not equations_hold("so 2*(3+4) = 15.")
    assert not equations_hold("Check: 15-3=11")
    for text in ("x + 3 = 15", "2x - 3 = 4", "x3 = 5"):
        assert equations_hold(text)  # not plain: not judged

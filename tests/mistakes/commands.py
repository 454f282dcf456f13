"""What can be typed wrong: every command and every option of each.

Wrong types, values outside their ranges, NaN, misspelt names; what each is answered
stands on docs/mistakes.md.
"""

import contextlib
import io
import pathlib
import shlex

from inna_optax.experiments.commands import command_line

TYPED = """
lits
list now
list --json=yes
--versio
train
train digits
train digit --optimizer inna
train --optimizer inna
train digits --optimizer
train digits --optimizer adm
train digits --optimizr inna
train digits --optimizer inna --learning-rate fast
train digits --optimizer inna --learning-rate nan
train digits --optimizer inna --learning-rate inf
train digits --optimizer inna --learning-rate 2
train digits --optimizer adam --learning-rate -1
train digits --optimizer inna --learning-rat 0.1
train digits --optimizer inna --alpha x
train digits --optimizer inna --alpha -1
train digits --optimizer inna --alpha nan
train digits --optimizer sgd --alpha 1
train digits --optimizer inna --beta x
train digits --optimizer inna --beta -0.1
train digits --optimizer step_tuned_sgd --beta 1
train digits --optimizer inna --beta nan
train digits --optimizer step_tuned_sgd --nu x
train digits --optimizer step_tuned_sgd --nu 0
train digits --optimizer step_tuned_sgd --nu nan
train digits --optimizer step_tuned_sgd --gamma-min x
train digits --optimizer step_tuned_sgd --gamma-min 3
train digits --optimizer step_tuned_sgd --gamma-min nan
train digits --optimizer step_tuned_sgd --gamma-max x
train digits --optimizer step_tuned_sgd --gamma-max -2
train digits --optimizer step_tuned_sgd --gamma-max inf
train digits --optimizer step_tuned_sgd --gama-max 3
train digits --optimizer adam --b1 x
train digits --optimizer adam --b1 1
train digits --optimizer adam --b1 nan
train digits --optimizer adam --b2 x
train digits --optimizer adam --b2 -0.1
train digits --optimizer adam --b2 nan
train digits --optimizer rmsprop --decay x
train digits --optimizer rmsprop --decay 1
train digits --optimizer innaprop --decay nan
train digits --optimizer innaprop --weight-decay x
train digits --optimizer innaprop --weight-decay -1
train digits --optimizer innaprop --weight-decay nan
train digits --optimizer inna --initial-speed x
train digits --optimizer inna --initial-speed -1
train digits --optimizer inna --initial-speed nan
train digits --optimizer inna --schedule cosin
train digits --optimizer inna --seed x
train digits --optimizer inna --seed -1
train digits --optimizer inna --seed 1.5
train digits --optimizer inna --seed 4294967296
train digits --optimizer inna --seeds 2
train digits --optimizer inna --resume
train digits --optimizer inna --resume --out nowhere
train digits --optimizer inna --resume=yes --out nowhere
train digits --optimizer inna --resume --out .
train digits --optimizer inna --checkpoint-every x
train digits --optimizer inna --checkpoint-every -1
train digits --optimizer inna --checkpoint-every nan
train digits --optimizer inna --evaluate-every 0
train digits --optimizer inna --evaluate-every 1.5
train digits --optimizer inna --tensorboard=yes
train digits --optimizer inna --tensorbord
train digits --optimizer inna --mesh 4
train digits --optimizer inna --mesh data=4,rows=2
train digits --optimizer inna --mesh data=0
train digits --optimizer inna --mesh model=nan
train digits --optimizer inna --mesh data=9
train digits --optimizer inna --mesh data=8 --batch-size 30
train digits --optimizer inna --distributed localhost
train digits --optimizer inna --distributed localhost:1,2
train digits --optimizer inna --distributed localhost:70000,2,0
train digits --optimizer inna --distributed localhost:1,2,2
train digits --optimizer inna --distributed localhost:1,0,0
train digits --optimizer inna --distributed localhost:1,2,0
train digits --optimizer inna --dataset mnist
train d --optimizer inna --dataset fashion
train digits --optimizer inna --epochs 0
train digits --optimizer inna --epochs 1.5
train digits --optimizer inna --epochs nan
train digits --optimizer inna --epochs 99999999999
train digits --optimizer inna --epoch 3
train digits --optimizer inna --batch-size 0
train digits --optimizer inna --batch-size x
train digits --optimizer inna --batch-size 9999
train digits --optimizer inna --train-examples 0
train digits --optimizer inna --train-examples x
train digits --optimizer inna --train-examples 2000
train digits --optimizer inna --each-batch-twice=2
train digits --optimizer inna --each-batch-twise
train d --optimizer inna --data-dir nowhere
train d --optimizer inna --data-dir .
train d --optimizer inna --data-dir=
train d --optimizer inna --data-dir
train d --optimizer inna --data-dir=~no-such-user/x
train digits --optimizer inna --data-note
train digits --optimizer inna --out
train digits --optimizer inna --out=
train digits --optimizer inna --out=~no-such-user/x
train digits --optimizer inna --out /dev/null
train digits --optimizer inna --scale paper
compare digit
compare digits d
compare --optimizers inna,sgdd
compare --optimizers inna,,sgd
compare --optimizers=
compare --optimizer inna
compare --seeds 0
compare --seeds x
compare --seeds nan
compare --scale lab
compare --scal paper
compare --resume
compare --resume --out nowhere
compare --together 0
compare --together x
compare --dataset mnist
compare --epochs 0
compare --epochs x
compare --batch-size 9999
compare --batch-size 0
compare --train-examples 2000
compare --train-examples x
compare --each-batch-twice=2
compare d --data-dir nowhere
compare d --data-dir .
compare --data-note
compare --out /dev/null/x
compare --out=
compare --out ~no-such-user
compare --learning-rate 1
compare --alpha x
compare --alpha -1
compare --optimizers sgd --alpha 1
compare --beta nan
compare --initial-speed x
compare --initial-speed -1
compare --decay-power x
compare --decay-power -1
compare --optimizers adam --decay-power 1
compare --rate-factor x
compare --rate-factor 0
compare --weight-decay nan
compare --weight-decay -1
compare --schedule cosin
compare --schedule constant --decay-power 1
figure
figure 9.9
figure 4.7
figure nan
figure 3.1 4.1
figure 2.1 --scale lab
figure 2.1 --problems e
figure 2.1 --data-dir .
figure 2.1 --data-note copy
figure 2.1 --resume
figure 2.1 --together 2
figure 4.6 --together 0
figure 4.6 --problems e,g
figure 4.6 --problem e
figure 4.6 --data-dir nowhere
figure 4.6 --data-dir .
figure 4.6 --data-note
figure 4.6 --resume
figure 2.1 --out /dev/null/x
figure 2.1 --out=
figure 2.1 --out=~no-such-user
figure 2.1 --seeds 3
figure 2.1 --epochs 3
figure 2.1 --train-examples 3
figure 2.1 --alpha 1
figure 4.6 --seeds 0
figure 4.6 --epochs x
figure 4.6 --train-examples 0
figure 2.2 --alpha 1
figure 2.2 --beta -1
figure 4.6 --initial-speed nan
figure 2.4 --decay-power 1
figure damping --decay-power 1
figure modern --rate-factor 2
figure damping --alpha 0.1
figure damping --weight-decay x
figure damping --schedule papr
figure 2.1 --schedule cosine
figure 4.6 --problems mnist-lenet
train digits --optimizer damped_momentum --momentum 1
train digits --optimizer damped_momentum --momentum x
train digits --optimizer damped_momentum --damping nan
table
table 4.1
table nan
table 3.1 --out /dev/null/x
table 3.1 --out=
table 3.1 --out=~no-such-user
table 3.1 --outt x
plot
plot nowhere
plot .
plot=
plot . --out=
plot . --out=~no-such-user
plot . --outt x
evaluate
evaluate nowhere
evaluate .
evaluate . --data-dir=
evaluate . --out x
export
export .
export nowhere run.npz
export . run.npz
export . run.txt
export . /dev/null
export . nowhere/run.npz
export . run.npz --outt x
completion
completion sh
completion bash --out x
""".splitlines()[1:]


def answer(typed):
    """The line on stderr, after checking that it is all that happened.

    To be called in an empty folder, with eight devices.
    """
    stderr = io.StringIO()
    with contextlib.redirect_stderr(stderr):
        try:
            status = command_line.main(shlex.split(typed))
        except SystemExit as stopped:
            status = stopped.code
    line, newline, more = stderr.getvalue().partition("\n")
    assert (status, newline, more) == (2, "\n", ""), stderr.getvalue()
    assert not list(pathlib.Path().iterdir()), "something was written"
    return line

"""The words that people use: for a value's part in a network, and for functions.

All are without case and underscores.
"""

from collections.abc import Mapping

# fmt: off
ROLES: Mapping[str, frozenset[str]] = {
    "x": frozenset((
        "a0", "batch", "data", "examples", "features", "input", "inputs", "samples", "x", "xb",
        "trainingdata", "traindata", "xbatch", "xdata", "xs", "xtrain",
    )),
    "y": frozenset((
        "desired", "expected", "label", "labels", "onehot", "t", "target", "targets", "truth",
        "y", "yb", "ybatch", "ydata", "yonehot", "ys", "ytrain", "ytrue",
    )),
    "p": frozenset((
        "activationsout", "al", "finaloutput", "logitsout", "o", "out", "output", "outputs", "p",
        "phat", "pred", "prediction", "predictions", "preds", "prob", "proba", "probabilities",
        "probs", "ps", "q", "result", "scoresout", "softmaxout", "softmaxoutput", "yhat", "yout",
        "ypred",
    )),
    "params": frozenset((
        "model", "net", "network", "p0", "parameter", "parameters", "params", "theta", "weights",
        "ws",
    )),
    "cache": frozenset((
        "activations", "cache", "caches", "ctx", "forwardcache", "fwd", "intermediates", "memory",
        "saved", "store", "tape",
    )),
    "grads": frozenset((
        "derivatives", "dparams", "g", "grad", "gradient", "gradients", "grads", "slopes",
    )),
    "lr": frozenset((
        "alpha", "eta", "learningrate", "learnrate", "lr", "lrate", "rate", "stepsize",
    )),
    "epochs": frozenset((
        "epochs", "iterations", "iters", "maxiter", "n", "nepochs", "niter", "niters", "nsteps",
        "numepoch", "numepochs", "numiterations", "steps",
    )),
    "training": frozenset((
        "dropoutactive", "istrain", "istraining", "mode", "train", "trainflag", "training",
        "trainmode", "usedropout",
    )),
    "rate": frozenset((
        "drop", "dropout", "dropoutp", "dropoutprob", "dropoutrate", "dropprob", "droprate",
        "pdrop", "pdropout", "probdrop",
    )),
    "keep": frozenset((
        "keep", "keepprob", "keepprobability", "keeprate", "pkeep", "probkeep",
    )),
    "rng": frozenset((
        "gen", "generator", "prng", "rand", "randomstate", "rng", "rs",
    )),
    "seed": frozenset((
        "randomseed", "seed",
    )),
    "mask": frozenset((
        "d1", "dropmask", "dropoutmask", "m", "mask", "masks",
    )),
    "loss": frozenset((
        "ce", "cost", "crossentropy", "e", "epochloss", "error", "j", "l", "loss", "losses",
        "lossval", "lossvalue", "mse", "nll", "runningloss", "sumerror", "totalerror", "totalloss",
    )),
    "rows": frozenset((
        "batchsize", "bsz", "m", "minibatchsize", "n", "nsamples", "numexamples", "numsamples",
    )),
}
"""What a name stands for."""

CALLED: Mapping[str, tuple[str, ...]] = {
    "forward": (
        "forward", "forwardpass", "forwardprop", "forwardpropagation", "feedforward", "predict",
        "network", "net", "model", "infer", "fprop", "call", "forwardpropagate", "predictproba",
        "run", "inference", "__call__",
    ),
    "backward": (
        "backward", "backprop", "backpropagation", "backwardpass", "backwardprop",
        "backpropagate", "gradients", "grads", "computegradients", "computegrads", "bprop",
        "gradient", "grad", "networkbackward", "backwardpropagation", "backwardpropagate",
        "calcgradients", "getgradients",
    ),
    "loss": (
        "loss", "cost", "crossentropy", "lossfn", "computeloss", "computecost", "lossfunction",
        "criterion", "networkloss", "crossentropyloss", "celoss", "nll", "mse", "mseloss", "bce",
        "binarycrossentropy", "objective", "lossfunc", "costfunction", "calcloss", "getloss",
        "meansquarederror", "error", "bceloss",
    ),
    "update": (
        "update", "step", "updateparams", "updateparameters", "updateweights", "sgd", "sgdstep",
        "sgdupdate", "applygradients", "applygrads", "optimizerstep", "adam", "adamstep",
        "adamupdate", "gradientdescent", "optimizestep", "gdstep",
    ),
    "train": (
        "train", "fit", "trainnetwork", "trainmodel", "learn", "trainloop", "optimize",
        "trainnet", "stochasticgradientdescent", "runtraining", "dotraining", "training",
        "trainepochs",
    ),
    "step": (
        "trainstep", "trainonestep", "onestep", "trainingstep", "trainepoch", "trainone",
        "sgditeration", "epoch", "oneepoch",
    ),
    "both": (
        "lossandgrad", "lossandgrads", "lossandgradients", "lossgrad", "gradandloss",
        "forwardbackward", "computelossandgrads", "lossandgradient", "valueandgrad", "passes",
    ),
    "init": (
        "init", "initparams", "initparameters", "initialize", "initializeparameters",
        "initweights", "initialweights", "makeparams", "createparams", "setup", "getweights",
        "initialise", "weightsinit", "makeweights", "params", "initializeweights",
        "initialparams", "initnetwork", "getparams", "loadweights", "startweights",
    ),
}
"""What a function does, the commonest names first."""
# fmt: on

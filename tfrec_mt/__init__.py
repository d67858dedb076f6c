"""tfrec_mt: recommenders that serve many domains from one model, on TensorFlow and Keras."""

__version__ = "0.1.0"

"""Language model and encoder, and where their files come from."""

import logging
import warnings

# bitsandbytes comes along with peft and complains of a kernel that only 4-bit models on a CPU would use.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
# transformers has renamed this argument, and its earlier versions know the former name alone.
warnings.filterwarnings("ignore", message="`past_key_values` is deprecated", category=FutureWarning)

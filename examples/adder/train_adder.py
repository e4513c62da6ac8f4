"""Train and export the adder: a small llama-style character model that adds two three-digit numbers.

A sum is twelve characters, `123+456=0579`: zero-padded three-digit operands and a four-digit answer. The model
is a decoder-only transformer (rotary positions, RMSNorm, grouped-query attention, SwiGLU) of about 150,000
parameters, trained on the CPU in a few minutes.

Run it with a Python that has PyTorch and NumPy (it was written for PyTorch 1.13, Debian's python3-torch; with
that package, install libopenblas0-pthread as well, because the reference BLAS is about twenty times slower):

    python3 train_adder.py

It writes, next to this file unless --out says otherwise:

    adder.onnx                              tokens int64 [batch, length] -> logits float32 [batch, length, 12]
    cases/<name>/inputs/tokens.npy          golden inputs
    cases/<name>/outputs/logits.npy         the PyTorch model's logits for them

and prints the accuracy on operand pairs that were held out of training, overall and per number of carries.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

VOCABULARY = "0123456789+="  # a character's token id is its index here
OPERAND_DIGITS = 3
ANSWER_DIGITS = 4
OPERANDS = 10**OPERAND_DIGITS
PROMPT_LENGTH = 2 * OPERAND_DIGITS + 2  # "123+456="
MAX_POSITIONS = 32


# ---- Model ----------------------------------------------------------------------------------------------------


class RMSNorm(nn.Module):
    def __init__(self, width, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))


def rotate_half(x):
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), dim=-1)


def repeat_kv(x, repeats):
    """[batch, kv_heads, length, head_dim] -> [batch, kv_heads * repeats, length, head_dim]"""
    batch, kv_heads, length, head_dim = x.shape
    x = x[:, :, None].expand(batch, kv_heads, repeats, length, head_dim)
    return x.reshape(batch, kv_heads * repeats, length, head_dim)


class Attention(nn.Module):
    def __init__(self, width, heads, kv_heads):
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = heads, kv_heads, width // heads
        self.q_proj = nn.Linear(width, heads * self.head_dim, bias=False)
        self.k_proj = nn.Linear(width, kv_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(width, kv_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(heads * self.head_dim, width, bias=False)

    def forward(self, x, cos, sin, mask):
        batch, length, _ = x.shape
        q = self.q_proj(x).view(batch, length, self.heads, self.head_dim).transpose(1, 2)
        k = self.k_proj(x).view(batch, length, self.kv_heads, self.head_dim).transpose(1, 2)
        v = self.v_proj(x).view(batch, length, self.kv_heads, self.head_dim).transpose(1, 2)
        q = q * cos + rotate_half(q) * sin
        k = k * cos + rotate_half(k) * sin
        k = repeat_kv(k, self.heads // self.kv_heads)
        v = repeat_kv(v, self.heads // self.kv_heads)
        scores = q @ k.transpose(-2, -1) / math.sqrt(self.head_dim) + mask
        mixed = F.softmax(scores, dim=-1) @ v
        return self.o_proj(mixed.transpose(1, 2).reshape(batch, length, -1))


class FeedForward(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.gate_proj = nn.Linear(width, hidden, bias=False)
        self.up_proj = nn.Linear(width, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, width, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, width, heads, kv_heads, hidden):
        super().__init__()
        self.attention_norm = RMSNorm(width)
        self.attention = Attention(width, heads, kv_heads)
        self.ffn_norm = RMSNorm(width)
        self.ffn = FeedForward(width, hidden)

    def forward(self, x, cos, sin, mask):
        x = x + self.attention(self.attention_norm(x), cos, sin, mask)
        return x + self.ffn(self.ffn_norm(x))


class Adder(nn.Module):
    def __init__(self, width=64, layers=3, heads=4, kv_heads=2, hidden=192, rope_base=10000.0):
        super().__init__()
        self.embed = nn.Embedding(len(VOCABULARY), width)
        self.blocks = nn.ModuleList(Block(width, heads, kv_heads, hidden) for _ in range(layers))
        self.norm = RMSNorm(width)
        self.head = nn.Linear(width, len(VOCABULARY), bias=False)

        head_dim = width // heads
        frequencies = rope_base ** (-torch.arange(0, head_dim, 2).float() / head_dim)
        angles = torch.outer(torch.arange(MAX_POSITIONS).float(), frequencies).repeat(1, 2)
        self.register_buffer("rope_cos", angles.cos(), persistent=False)
        self.register_buffer("rope_sin", angles.sin(), persistent=False)

        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.5 / math.sqrt(parameter.shape[1]))

    def forward(self, tokens):
        length = tokens.shape[1]
        cos, sin = self.rope_cos[:length], self.rope_sin[:length]
        mask = torch.full((length, length), float("-inf"), device=tokens.device).triu(1)
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, cos, sin, mask)
        return self.head(self.norm(x))


# ---- Data -----------------------------------------------------------------------------------------------------


def encode(text):
    return [VOCABULARY.index(character) for character in text]


def digits(numbers, count):
    """Decimal digits, most significant first; a digit is its own token id."""
    return torch.stack([numbers // 10**place % 10 for place in reversed(range(count))], dim=1)


def sums(pairs):
    """Pair indices (a * 1000 + b) -> tokens [pairs, 12]."""
    a, b = pairs // OPERANDS, pairs % OPERANDS
    plus, equals = (torch.full((len(pairs), 1), VOCABULARY.index(c)) for c in "+=")
    return torch.cat(
        (digits(a, OPERAND_DIGITS), plus, digits(b, OPERAND_DIGITS), equals, digits(a + b, ANSWER_DIGITS)), dim=1
    )


def carries(pairs):
    """How many of the three digit places carry, per pair."""
    a, b = pairs // OPERANDS, pairs % OPERANDS
    return sum((a % 10**k + b % 10**k >= 10**k).long() for k in range(1, OPERAND_DIGITS + 1))


def split(fraction, seed):
    """Training and held-out pairs. a+b and b+a are always on the same side."""
    draw = torch.rand(OPERANDS, OPERANDS, generator=torch.Generator().manual_seed(seed)).triu()
    held_out = (draw + draw.triu(1).T < fraction).flatten()
    return (~held_out).nonzero().squeeze(1), held_out.nonzero().squeeze(1)


# ---- Training -------------------------------------------------------------------------------------------------


def train(model, pairs, args):
    generator = torch.Generator().manual_seed(args.seed + 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, betas=(0.9, 0.98), weight_decay=args.weight_decay)

    def rate(step):
        if step < args.warmup:
            return (step + 1) / args.warmup
        return 0.5 * (1 + math.cos(math.pi * (step - args.warmup) / max(1, args.steps - args.warmup)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    model.train()
    for step in range(1, args.steps + 1):
        batch = sums(pairs[torch.randint(len(pairs), (args.batch,), generator=generator)])
        logits = model(batch[:, :-1])[:, PROMPT_LENGTH - 1 :]
        loss = F.cross_entropy(logits.flatten(0, 1), batch[:, PROMPT_LENGTH:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0 or step == args.steps:
            print(f"step {step:5d}  loss {loss.item():.5f}", flush=True)


@torch.no_grad()
def correct(model, pairs, batch=2000):
    """Per pair, whether all four answer digits are right.

    The model sees the true digits before each one it predicts. For a whole answer that is the same test as greedy
    decoding: up to a first wrong digit, the digits it would have written are the true ones.
    """
    model.eval()
    results = []
    for chunk in pairs.split(batch):
        tokens = sums(chunk)
        answers = model(tokens[:, :-1])[:, PROMPT_LENGTH - 1 :].argmax(-1)
        results.append((answers == tokens[:, PROMPT_LENGTH:]).all(dim=1))
    return torch.cat(results)


def report(model, pairs):
    right, carry = correct(model, pairs), carries(pairs)
    print("\n| Held-out pairs | Count | Correct | Accuracy |\n|---|---:|---:|---:|")
    rows = [("all", torch.ones_like(right))] + [(f"{n} carries", carry == n) for n in range(OPERAND_DIGITS + 1)]
    for name, chosen in rows:
        total, good = int(chosen.sum()), int((right & chosen).sum())
        share = f"{good / total:.3%}" if total else "-"
        print(f"| {name.replace('1 carries', '1 carry')} | {total:,} | {good:,} | {share} |")


# ---- Export ---------------------------------------------------------------------------------------------------


def export(model, path):
    torch.onnx.export(
        model,
        (torch.tensor([encode("123+456=0"), encode("908+095=1")]),),
        str(path),
        opset_version=16,
        input_names=["tokens"],
        output_names=["logits"],
        dynamic_axes={"tokens": {0: "batch", 1: "length"}, "logits": {0: "batch", 1: "length"}},
    )


CASES = {
    "prompt": ["123+456="],
    "full-sums": ["123+456=0579", "999+001=1000", "507+838=1345", "000+000=0000"],
    "short-batch": ["123+4", "999+9", "080+0"],
}


@torch.no_grad()
def write_cases(model, folder):
    for name, texts in CASES.items():
        tokens = torch.tensor([encode(text) for text in texts])
        for kind, file, array in (("inputs", "tokens", tokens), ("outputs", "logits", model(tokens))):
            path = folder / name / kind
            path.mkdir(parents=True, exist_ok=True)
            np.save(path / f"{file}.npy", array.numpy())


def main():
    parser = argparse.ArgumentParser(description="Train and export the adder model.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder for adder.onnx and cases/")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--warmup", type=int, default=100, help="steps of linear learning-rate warm-up")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--lr", type=float, default=4e-3, help="peak learning rate")
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--held-out", type=float, default=0.1, help="share of operand pairs kept out of training")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    training, held_out = split(args.held_out, args.seed)
    model = Adder()
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters; "
          f"{len(training):,} pairs for training, {len(held_out):,} held out")

    start = time.perf_counter()
    train(model, training, args)
    print(f"trained in {time.perf_counter() - start:.0f} s")
    report(model, held_out)

    model.eval()
    args.out.mkdir(parents=True, exist_ok=True)
    export(model, args.out / "adder.onnx")
    write_cases(model, args.out / "cases")


if __name__ == "__main__":
    main()

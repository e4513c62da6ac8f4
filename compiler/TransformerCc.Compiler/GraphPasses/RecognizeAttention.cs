using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using MatMul = TransformerCc.Compiler.GraphIR.Operators.MatMul;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// softmax(scale·q·kᵀ, masked)·v. The root is the product with v; behind it the softmax over the last dimension, the
/// masks and scales (<see cref="ScoreChain"/>), and the product of queries and keys. Where anything else happens to the
/// scores the graph stays as it is.
/// </summary>
public sealed class RecognizeAttention : IGraphPass
{
    public string Name => "recognize-attention";

    public void Run(Graph graph, PassContext context) => new Recognizer(new CausalSteps()).Run(graph, context);

    private sealed class Recognizer(CausalSteps steps) : RewritePass
    {
        public override string Name => "recognize-attention";

        protected override Value? Rewrite(Node node, GraphEditor editor, PassContext context)
        {
            if (node.Op is not MatMul || Softmax(node.Inputs[0], editor) is not { } softmax || ScoreChain.Follow(softmax.Inputs[0], editor.Graph, steps) is not { } chain)
            {
                return null;
            }
            (Value queries, Value keys, Value values) = (chain.Product.Inputs[0], chain.Product.Inputs[1], node.Inputs[1]);
            int rank = queries.Type.Rank;
            if (rank is < 2 or > 4 || keys.Type.Rank != rank || values.Type.Rank != rank || values.IsConstant || Match.IsWeight(values) || Frame(chain, queries) is not { } frame)
            {
                return null;
            }
            string rows = rank switch { 4 => "BHSD", 3 => "NSD", _ => "SD" }, columns = rows[..^2] + "DS";
            HeadOperand q = HeadOperand.Find(queries, rows, frame, false, editor);
            HeadOperand k = HeadOperand.Find(keys, columns, frame, true, editor);
            HeadOperand v = HeadOperand.Find(values, rows, frame, false, editor);
            return Build(node, chain, frame, q, k, v, editor);
        }

        private static Node? Softmax(Value value, GraphEditor editor)
        {
            while (value.Producer is { Op: Reshape or Cast } node && editor.Uses(value) == 1 && KeepsMatrix(node))
            {
                value = node.Inputs[0];
            }
            return Match.Node(value, out Node softmax, out Softmax op) && op.Axis == value.Type.Rank - 1 && editor.Uses(value) == 1 ? softmax : null;
        }

        private static bool KeepsMatrix(Node node)
        {
            EquatableArray<DimExpr> a = node.Inputs[0].Type.Shape, b = node.Output.Type.Shape;
            return a.Count >= 2 && b.Count >= 2 && a.Last == b.Last && a[a.Count - 2] == b[b.Count - 2] && node.Inputs[0].Type.Element == node.Output.Type.Element;
        }

        /// <summary>Batch and heads: from the operands, from scores of four dimensions, or from the view that made the heads.</summary>
        private static HeadFrame? Frame(ScoreChain chain, Value queries)
        {
            EquatableArray<DimExpr> shape = queries.Type.Shape;
            switch (shape.Count)
            {
                case 4:
                    return new HeadFrame(shape[0], shape[1]);
                case 2:
                    return new HeadFrame(1, 1);
            }
            if (chain.HeadShape is { } scores && scores[0] * scores[1] == shape[0] && scores[1].IsConstant)
            {
                return new HeadFrame(scores[0], scores[1]);
            }
            Value at = queries;
            string axes = "NSD";
            while (true)
            {
                if (Match.Scaled(at, out Value x, out _))
                {
                    at = x;
                }
                else if (Match.Node(at, out Node node, out Transpose transpose))
                {
                    axes = HeadOperand.BeforeTranspose(transpose, axes);
                    at = node.Inputs[0];
                }
                else
                {
                    break;
                }
            }
            if (!Match.Node(at, out Node view, out Reshape _))
            {
                return new HeadFrame(shape[0], 1);
            }
            EquatableArray<DimExpr> before = view.Inputs[0].Type.Shape;
            if (axes == "SND" && before.Count == 3 && before[2].ConstantValue is { } width && shape[2].ConstantValue is > 0 and { } headWidth && width % headWidth == 0
                && new HeadFrame(before[1], width / headWidth) is var sequenceFirst && HeadOperand.SequenceFirst(at, axes, sequenceFirst) is not null)
            {
                return sequenceFirst;
            }
            return axes == "NSD" && before.Count == 4 && before[0] * before[1] == shape[0] && before[2] == shape[1] && before[1].IsConstant
                ? new HeadFrame(before[0], before[1]) : new HeadFrame(shape[0], 1);
        }

        private static Value? Build(Node node, ScoreChain chain, HeadFrame frame, HeadOperand q, HeadOperand k, HeadOperand v, GraphEditor editor)
        {
            bool grouped = Heads(k.Source, k.SourceLayout) == Heads(v.Source, v.SourceLayout);
            (Value key, HeadLayout keyLayout) = grouped ? (k.Source, k.SourceLayout) : (k.Repeated, k.RepeatedLayout);
            (Value value, HeadLayout valueLayout) = grouped ? (v.Source, v.SourceLayout) : (v.Repeated, v.RepeatedLayout);
            HeadLayout result = frame.Heads.Is(1) ? HeadLayout.BSHD : HeadLayout.BHSD;
            var inputs = new List<Value> { q.Repeated, key, value };
            if (chain.Masks.Count > 0)
            {
                if (Mask(chain, frame, editor) is not { } mask)
                {
                    return null;
                }
                inputs.Add(mask);
            }
            var attention = new Attention(q.RepeatedLayout, keyLayout, valueLayout, result, (float)(chain.Scale * q.Scale * k.Scale), MaskKindOf(chain), chain.CausalOffset) { SoftCap = (float)chain.SoftCap };
            if (!Fits(attention, inputs))
            {
                return null;
            }
            Value output = editor.Add(attention, inputs);
            if (v.Scale != 1)
            {
                output = editor.Add(new Binary(BinaryOp.Mul), [output, editor.Constant(TensorMath.FromDoubles(output.Type.Element, [], [v.Scale]))]);
            }
            return output.Type == node.Output.Type ? output : editor.Add(new Reshape(node.Output.Type.Shape), [output]);
        }

        private static DimExpr Heads(Value value, HeadLayout layout) => value.Type.Shape[layout.Axes().Head];

        /// <summary>The shape rule of attention decides: matmul also broadcasts batches, which attention does not.</summary>
        private static bool Fits(Attention attention, List<Value> inputs)
        {
            try
            {
                attention.Infer(inputs.Select(i => i.Type).ToEquatableArray());
                return true;
            }
            catch (ShapeException)
            {
                return false;
            }
        }

        private static MaskKind MaskKindOf(ScoreChain chain) => chain.Masks.Count switch { 0 => MaskKind.None, 1 => chain.Masks[0].Kind, _ => MaskKind.Additive };

        /// <summary>A single mask as it is; several become one sum, in which hidden positions are −∞. Null where one cannot stretch to [batch, heads, queries, keys].</summary>
        private static Value? Mask(ScoreChain chain, HeadFrame frame, GraphEditor editor)
        {
            if (chain.Masks is [{ Kind: MaskKind.Boolean } single])
            {
                return InFrame(single.Hides ? editor.Add(new Unary(UnaryOp.Not), [single.Mask]) : single.Mask, single.Scores, frame, editor);
            }
            Value? sum = null;
            foreach (ScoreMask mask in chain.Masks)
            {
                if (InFrame(Term(mask, chain.Product.Output.Type.Element, editor), mask.Scores, frame, editor) is not { } fitted)
                {
                    return null;
                }
                sum = sum is null ? fitted : editor.Add(new Binary(BinaryOp.Add), [sum, fitted]);
            }
            return sum;
        }

        /// <summary>What a mask adds to the scores.</summary>
        private static Value Term(ScoreMask mask, ElementType type, GraphEditor editor)
        {
            Value Number(double x) => editor.Constant(TensorMath.FromDoubles(type, [], [x]));
            if (mask.Mask.Type.Element == ElementType.Bool)
            {
                return editor.Add(new Select(), mask.Hides ? [mask.Mask, Number(mask.Fill), Number(0)] : [mask.Mask, Number(0), Number(mask.Fill)]);
            }
            return mask.Factor == 1 ? mask.Mask : editor.Add(new Binary(BinaryOp.Mul), [mask.Mask, Number(mask.Factor)]);
        }

        /// <summary>
        /// A mask in a shape that stretches to [batch, heads, queries, keys], from one that stretches to the scores as they
        /// were: with batch and heads in one dimension, or the batch apart as images and their windows.
        /// </summary>
        private static Value? InFrame(Value mask, EquatableArray<DimExpr> scores, HeadFrame frame, GraphEditor editor)
        {
            EquatableArray<DimExpr> shape = mask.Type.Shape;
            switch (scores.Count)
            {
                case 4:
                case var _ when shape.Count <= 2:
                    return mask;
                case 3 when shape[0].Is(1):
                    return editor.Add(new Reshape([1, .. shape]), [mask]);
                case 3:
                    return editor.Add(new Reshape([frame.Batch, frame.Heads, shape[1], shape[2]]), [mask]);
                case 5 when shape.Count == 5 && scores[0] * scores[1] == frame.Batch && scores[2] == frame.Heads:
                    EquatableArray<DimExpr> whole = [scores[0], scores[1], .. shape.Skip(2)];
                    Value stretched = shape == whole ? mask : editor.Add(new Broadcast(whole), [mask]);
                    return editor.Add(new Reshape([frame.Batch, .. shape.Skip(2)]), [stretched]);
                default:
                    return null;
            }
        }
    }
}

using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;

namespace TransformerCc.Compiler.Scheduling;

/// <summary>
/// Orders the engines: finds every pair of accesses to the same memory that must not overtake each other and covers it
/// by a channel, a semaphore that one engine releases and one acquires.
/// </summary>
/// <remarks>
/// Engines end their instructions in order, so "b needs a" is "b needs engine(a) to have come as far as a". Per engine a
/// vector clock holds how far it is known that the others have come; only a need beyond it costs a semaphore. Needs
/// between two engines therefore grow monotonically, releases and acquires pair up first to first, and one semaphore per
/// ordered pair of engines and loop depth is enough.
///
/// A loop is one item of the block around it: what it needs is acquired before it, what others need of it is released
/// after it. Needs from one iteration to the next get channels of their own, released once before the loop and acquired
/// once after it, so that every loop body leaves all counts as it found them. The slots of the weight ring have a
/// channel pair each, which lets the weight DMA run ahead across loops and layers.
///
/// A lowering may order the users of a buffer itself, by channels that go across loops. Inside the block that declares
/// the buffer they are left alone; for the blocks around, all of them count.
/// </remarks>
public sealed class ChannelAssignment
{
    private readonly MemoryPlan _plan;
    private readonly Dictionary<(Engine From, Engine To, int Depth, bool Carried), byte> _channels = [];
    private readonly Dictionary<TileBuffer, (byte Full, byte Free)> _ring = [];
    private readonly Dictionary<TileChannel, byte> _byHand = [];

    /// <summary>Buffers of the blocks around the one at hand whose users there need nothing from here.</summary>
    private readonly HashSet<TileBuffer> _ordered = [];
    private int _used;

    private ChannelAssignment(MemoryPlan plan) => _plan = plan;

    /// <summary>Fills acquires and releases and inserts the waits and posts; returns the number of semaphores used.</summary>
    public static int Run(TileProgram program, MemoryPlan plan)
    {
        var assignment = new ChannelAssignment(plan);
        foreach (TileBuffer slot in program.Ring)
        {
            assignment._ring[slot] = (assignment.NewSemaphore(), assignment.NewSemaphore());
        }
        foreach (TileChannel channel in program.Channels.Values)
        {
            assignment._byHand[channel] = assignment.NewSemaphore();
        }
        assignment.Order(program.Body, 0, isLoop: false);
        foreach ((TileChannel channel, byte semaphore) in assignment._byHand.OrderBy(c => c.Value))
        {
            byte[] credits = [.. Enumerable.Repeat(semaphore, channel.Credits)];
            program.Body.Nodes.InsertRange(0, Sync<Post>(channel.From, credits));
            program.Body.Nodes.AddRange(Sync<Wait>(channel.To, credits));
        }
        // All slots are free at the start: the matrix engine says so. The last units are taken back, so that every channel
        // ends as empty as it began and a lost acquire or release anywhere shows.
        byte[] free = [.. program.Ring.Select(s => assignment._ring[s].Free)];
        program.Body.Nodes.InsertRange(0, Sync<Post>(Engine.Matrix, free));
        program.Body.Nodes.AddRange(Sync<Wait>(Engine.WeightDma, free));
        return assignment._used;
    }

    private sealed record Channel(Engine From, Engine To, byte Semaphore);

    /// <summary>An engine's part of a node: a statement, or all statements of one engine inside a loop.</summary>
    private sealed record Item(int Node, Engine Engine, TileStatement? Statement, List<MemoryAccess> Accesses)
    {
        public List<byte> Acquires { get; } = [];

        public List<byte> Releases { get; } = [];
    }

    /// <summary>Orders one block; returns the channels a loop around it must prime and drain.</summary>
    private List<Channel> Order(TileBlock block, int depth, bool isLoop)
    {
        var around = new Dictionary<int, List<Channel>>();
        TileBuffer[] ordered = [.. block.Buffers.Where(b => b.OrderedByHand)];
        _ordered.UnionWith(ordered);
        for (int n = 0; n < block.Nodes.Count; n++)
        {
            if (block.Nodes[n] is TileLoop loop)
            {
                around[n] = Order(loop.Body, depth + 1, isLoop: !loop.Count.Is(1));
            }
        }
        List<Item> items = Items(block);
        var clocks = new ItemClocks(items.Count);
        var history = new AccessHistory();
        var incoming = new List<int>[items.Count];
        foreach (int[] node in Enumerable.Range(0, items.Count).GroupBy(i => items[i].Node).Select(g => g.ToArray()))
        {
            // The engines of one loop order each other inside it: none of them is recorded before all have asked.
            foreach (int i in node)
            {
                incoming[i] = clocks.Start(items[i].Engine, history.Needs(items[i].Engine, items[i].Accesses));
                foreach (int from in incoming[i])
                {
                    Connect(items, from, i, depth, carried: false);
                }
            }
            foreach (int i in node)
            {
                clocks.End(items[i].Engine, i);
                history.Record(i, items[i].Engine, items[i].Accesses);
            }
        }
        var carried = new List<Channel>();
        if (isLoop)
        {
            AddCarried(items, block.OwnParts, clocks, history, incoming, depth, carried);
        }
        Rewrite(block, items, around);
        _ordered.ExceptWith(ordered);
        return carried;
    }

    /// <summary>Runs a second iteration against the first: needs that the order inside one iteration does not cover.</summary>
    private void AddCarried(List<Item> items, HashSet<DramTensor> ownParts, ItemClocks clocks, AccessHistory history, List<int>[] incoming, int depth, List<Channel> carried)
    {
        ItemClocks second = clocks.NextIteration();
        for (int i = 0; i < items.Count; i++)
        {
            second.Know(items[i].Engine, incoming[i]);
            foreach (int from in second.StartAfterPrevious(items[i].Engine, history.Needs(items[i].Engine, [.. items[i].Accesses.Where(a => a.Tensor is null || !ownParts.Contains(a.Tensor))])))
            {
                carried.Add(new Channel(items[from].Engine, items[i].Engine, Connect(items, from, i, depth, carried: true)));
            }
            second.End(items[i].Engine, i);
        }
    }

    private byte Connect(List<Item> items, int from, int to, int depth, bool carried)
    {
        (Engine, Engine, int, bool) key = (items[from].Engine, items[to].Engine, depth, carried);
        if (!_channels.TryGetValue(key, out byte semaphore))
        {
            _channels[key] = semaphore = NewSemaphore();
        }
        items[from].Releases.Add(semaphore);
        items[to].Acquires.Add(semaphore);
        return semaphore;
    }

    private byte NewSemaphore() => ++_used <= byte.MaxValue
        ? (byte)_used
        : throw new DiagnosticException(Diagnostic.Error("TCC3201", "the program needs more than 255 semaphores", help: "loops are nested too deeply; report the model"), FailureKind.DoesNotFit);

    private List<Item> Items(TileBlock block)
    {
        var items = new List<Item>();
        for (int n = 0; n < block.Nodes.Count; n++)
        {
            switch (block.Nodes[n])
            {
                case TileStatement s:
                    items.Add(new Item(n, s.Engine, s, [.. Accesses(s)]));
                    break;
                case TileLoop loop:
                    items.AddRange(from s in Statements(loop.Body)
                                   where s.Operands.Count > 1
                                   group s by s.Engine into engine
                                   orderby engine.Key
                                   select new Item(n, engine.Key, null, [.. engine.SelectMany(Accesses).Distinct()]));
                    break;
            }
        }
        return items;
    }

    private static IEnumerable<TileStatement> Statements(TileBlock block) =>
        block.Nodes.SelectMany(n => n switch { TileStatement s => [s], TileLoop l => Statements(l.Body), _ => [] });

    private IEnumerable<MemoryAccess> Accesses(TileStatement statement)
    {
        foreach (NamedOperand operand in statement.Operands)
        {
            bool writes = TileStatement.IsWritten(operand.Name);
            TileBuffer? buffer = operand.Value switch { ScratchOperand s => s.Buffer, VectorTile v => v.Buffer, _ => null };
            if (buffer is not null && _ordered.Contains(buffer))
            {
                continue;
            }
            if (buffer is not null && !_ring.ContainsKey(buffer))
            {
                long start = _plan.Offsets[buffer];
                yield return new MemoryAccess(buffer.Space, null, start, start + buffer.Bytes, writes, AccessedPart.Of(statement, operand));
            }
            else if (operand.Value is DramOperand { Tensor.Kind: not null } dram)
            {
                (long start, long end) = dram.Part switch { DramPart.Before => (0, 1), DramPart.Added => (1, 2), _ => (0L, 2L) };
                yield return new MemoryAccess(MemorySpace.Dram, dram.Tensor, start, end, writes);
            }
        }
    }

    private void Rewrite(TileBlock block, List<Item> items, Dictionary<int, List<Channel>> around)
    {
        AddRing(block);
        ILookup<int, Item> byNode = items.ToLookup(i => i.Node);
        var nodes = new List<TileNode>(block.Nodes.Count);
        for (int n = 0; n < block.Nodes.Count; n++)
        {
            TileNode node = block.Nodes[n];
            if (node is TileStatement statement)
            {
                Item item = byNode[n].Single();
                statement.Acquires.AddRange(statement.Takes.Select(c => _byHand[c]));
                statement.Releases.AddRange(statement.Gives.Select(c => _byHand[c]));
                int room = Instruction.MaxSemaphores - statement.Acquires.Count;
                nodes.AddRange(Sync<Wait>(item.Engine, [.. item.Acquires.Skip(room)]));
                statement.Acquires.AddRange(item.Acquires.Take(room));
                room = Instruction.MaxSemaphores - statement.Releases.Count;
                statement.Releases.AddRange(item.Releases.Take(room));
                nodes.Add(statement);
                nodes.AddRange(Sync<Post>(item.Engine, [.. item.Releases.Skip(room)]));
                continue;
            }
            foreach (Item item in byNode[n])
            {
                nodes.AddRange(Sync<Wait>(item.Engine, item.Acquires));
            }
            List<Channel> carried = around.GetValueOrDefault(n) ?? [];
            foreach (IGrouping<Engine, Channel> g in carried.GroupBy(c => c.From))
            {
                nodes.AddRange(Sync<Post>(g.Key, [.. g.Select(c => c.Semaphore)]));
            }
            nodes.Add(node);
            foreach (IGrouping<Engine, Channel> g in carried.GroupBy(c => c.To))
            {
                nodes.AddRange(Sync<Wait>(g.Key, [.. g.Select(c => c.Semaphore)]));
            }
            foreach (Item item in byNode[n])
            {
                nodes.AddRange(Sync<Post>(item.Engine, item.Releases));
            }
        }
        block.Nodes.Clear();
        block.Nodes.AddRange(nodes);
    }

    /// <summary>A slot is filled when free and full when filled; the first use of a panel takes it, the last one frees the slot.</summary>
    private void AddRing(TileBlock block)
    {
        var uses = new Dictionary<TileBuffer, TileStatement>();
        foreach (TileStatement statement in block.Nodes.OfType<TileStatement>())
        {
            foreach (TileBuffer slot in statement.Operands.Select(o => o.Value).OfType<ScratchOperand>().Select(s => s.Buffer).Where(_ring.ContainsKey))
            {
                (byte full, byte free) = _ring[slot];
                bool inUse = uses.TryGetValue(slot, out TileStatement? last);
                if (statement.Engine == Engine.WeightDma)
                {
                    last?.Releases.Add(free);
                    uses.Remove(slot);
                    statement.Acquires.Add(free);
                    statement.Releases.Add(full);
                    continue;
                }
                if (!inUse)
                {
                    statement.Acquires.Add(full);
                }
                uses[slot] = statement;
            }
        }
        foreach ((TileBuffer slot, TileStatement last) in uses)
        {
            last.Releases.Add(_ring[slot].Free);
        }
    }

    /// <summary>Waits or posts on an engine's queue, four semaphores each.</summary>
    private static IEnumerable<TileStatement> Sync<T>(Engine engine, IReadOnlyList<byte> semaphores) where T : Instruction, IInstruction<T>
    {
        foreach (byte[] chunk in semaphores.Chunk(Instruction.MaxSemaphores))
        {
            var sync = new TileStatement(InstructionSet.FindMnemonic(T.Info.Mnemonic)!, [new NamedOperand("on", new EngineOperand(engine))], 0);
            (typeof(T) == typeof(Wait) ? sync.Acquires : sync.Releases).AddRange(chunk);
            yield return sync;
        }
    }
}

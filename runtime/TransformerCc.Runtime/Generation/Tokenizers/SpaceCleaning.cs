namespace TransformerCc.Runtime.Generation.Tokenizers;

/// <summary>
/// What transformers calls clean_up_tokenization_spaces, on UTF-8, in the three passes of llama.cpp's
/// <c>llama_detokenize</c>: no space before ? ! . , then none around a lone apostrophe, then none before 's 'm 're 've.
/// </summary>
internal static class SpaceCleaning
{
    public static byte[] Apply(byte[] text)
    {
        int length = BeforePunctuation(text, text.Length);
        length = AroundApostrophe(text, length);
        return text[..BeforeContraction(text, length)];
    }

    private static int BeforePunctuation(byte[] text, int length)
    {
        int to = int.Min(length, 1);
        for (int i = 1; i < length; i++)
        {
            byte c = text[i];
            to -= text[i - 1] == ' ' && c is (byte)'?' or (byte)'!' or (byte)'.' or (byte)',' ? 1 : 0;
            text[to++] = c;
        }
        return to;
    }

    private static int AroundApostrophe(byte[] text, int length)
    {
        int to = int.Min(length, 1);
        for (int i = 1; i < length; i++)
        {
            byte c = text[i];
            if (c == '\'' && i + 1 < length && text[i - 1] == ' ' && text[i + 1] == ' ')
            {
                to--;
                text[++i] = 0; // so that the next character does not see the space that goes
            }
            text[to++] = c;
        }
        return to;
    }

    private static int BeforeContraction(byte[] text, int length)
    {
        int to = int.Min(length, 1);
        for (int i = 1; i < length; i++)
        {
            if (text[i - 1] == ' ' && text.AsSpan(i, length - i) is [(byte)'\'', (byte)'s' or (byte)'m', ..] or [(byte)'\'', (byte)'r' or (byte)'v', (byte)'e', ..])
            {
                to--;
            }
            text[to++] = text[i];
        }
        return to;
    }
}

using System.Text;
using TransformerCc.Tool;

Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
return CommandLine.Run(args, new ToolContext(Console.Out, Console.Error, interactive: !Console.IsErrorRedirected));

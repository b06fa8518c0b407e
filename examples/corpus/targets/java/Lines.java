import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/** Speaks the line protocol of docs/corpus-protocol.md for a library under test. */
final class Lines {
  /** A library: takes a question, and says {@code accept}, {@code reject} or {@code revoked}. */
  interface Judge {
    String judge(Question question) throws Exception;
  }

  private final String hello;
  private final Judge judge;
  private final Map<String, List<String>> context = new HashMap<>();

  private Lines(String hello, Judge judge) {
    this.hello = hello;
    this.judge = judge;
  }

  /** Answers every line of standard input. */
  static void serve(String hello, Judge judge) throws IOException {
    Lines lines = new Lines(hello, judge);
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String said = lines.answer(line.trim());
      if (said != null) {
        System.out.println(said.replaceAll("[^ -~]+", " "));
      }
    }
  }

  /** A refusal; the stage is empty where the library does not tell it. */
  static String refused(String stage, Throwable error) {
    Throwable cause = error;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    return "reject " + stage + " " + error.getClass().getSimpleName() + " " + cause.getMessage();
  }

  private String answer(String line) {
    if (line.equals("smki 1 hello")) {
      return "smki 1 hello " + hello;
    }
    String[] words = line.split(" ");
    if (words.length != 5 || !line.startsWith("smki 1 ")) {
      return null;
    }
    int end = line.lastIndexOf(' ') + 1;
    boolean isWhole = String.format("%04X", crc16(line.substring(0, end))).equals(words[4]);
    if (words[2].startsWith("+")) {
      String name = isWhole ? words[2].substring(1) : "broken";
      context.computeIfAbsent(name, any -> new ArrayList<>()).add(words[3]);
      return null;
    }
    boolean isBroken = !isWhole || context.containsKey("broken");
    String said = isBroken ? "again" : judged(HexFormat.of().parseHex(words[3]));
    context.clear();
    return "smki 1 " + words[2] + " " + said;
  }

  private String judged(byte[] tested) {
    String kind = context.getOrDefault("kind", List.of("certificate")).get(0);
    List<byte[]> crls = kind.equals("CRL") ? List.of(tested) : octets("crl");
    Question question =
        new Question(
            kind,
            tested,
            Date.from(Instant.parse(context.get("at").get(0))),
            octets("root").stream().findFirst().orElse(null),
            octets("chain"),
            crls,
            kind.equals("CRL") ? octets("cert").get(0) : tested);
    try {
      return judge.judge(question);
    } catch (Exception | StackOverflowError error) {
      return refused("", error);
    }
  }

  private List<byte[]> octets(String name) {
    HexFormat hex = HexFormat.of();
    return context.getOrDefault(name, List.of()).stream().map(hex::parseHex).toList();
  }

  /** CRC-16/CCITT-FALSE. */
  private static int crc16(String text) {
    int crc = 0xFFFF;
    for (byte octet : text.getBytes(StandardCharsets.US_ASCII)) {
      crc ^= (octet & 0xFF) << 8;
      for (int bit = 0; bit < 8; bit++) {
        crc = (crc << 1 ^ ((crc & 0x8000) != 0 ? 0x1021 : 0)) & 0xFFFF;
      }
    }
    return crc;
  }
}

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;

/**
 * A target in Java for {@code smki-testca corpus run CORPUS --with 'lines:java Target.java'}.
 *
 * <p>Put your parser into {@link #judge}. docs/corpus-protocol.md has the protocol.
 */
public final class Target {
  private static final String HELLO = "smki 1 hello java rsa";

  /** Judges a document: what to answer, such as {@code reject profile BAD_EXTENSION}. */
  static String judge(byte[] der, Map<String, String> context) {
    try {
      CertificateFactory factory = CertificateFactory.getInstance("X.509");
      ByteArrayInputStream in = new ByteArrayInputStream(der);
      factory.generateCertificate(in);
      return in.available() == 0 ? "accept" : "reject der TRAILING_OCTETS";
    } catch (CertificateException | RuntimeException e) {
      String reason = String.valueOf(e.getMessage()).replaceAll("\\s+", " ");
      return "reject " + e.getClass().getSimpleName() + " " + reason;
    }
  }

  /** CRC-16/CCITT-FALSE. */
  static int crc16(String text) {
    int crc = 0xFFFF;
    for (byte octet : text.getBytes(StandardCharsets.US_ASCII)) {
      crc ^= (octet & 0xFF) << 8;
      for (int bit = 0; bit < 8; bit++) {
        crc = (crc << 1 ^ ((crc & 0x8000) != 0 ? 0x1021 : 0)) & 0xFFFF;
      }
    }
    return crc;
  }

  /** What to say to a line; null for nothing. */
  static String answer(String line, Map<String, String> context) {
    if (line.equals("smki 1 hello")) {
      return HELLO;
    }
    String[] words = line.split(" ");
    if (words.length != 5 || !line.startsWith("smki 1 ")) {
      return null;
    }
    int end = line.lastIndexOf(' ') + 1;
    boolean isWhole = String.format("%04X", crc16(line.substring(0, end))).equals(words[4]);
    if (words[2].startsWith("+")) {
      context.put(isWhole ? words[2].substring(1) : "broken", words[3]);
      return null;
    }
    boolean isBroken = !isWhole || context.containsKey("broken");
    String said = isBroken ? "again" : judge(HexFormat.of().parseHex(words[3]), context);
    context.clear();
    return "smki 1 " + words[2] + " " + said;
  }

  public static void main(String[] args) throws IOException {
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    Map<String, String> context = new HashMap<>();
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String said = answer(line.trim(), context);
      if (said != null) {
        System.out.println(said);
      }
    }
  }
}

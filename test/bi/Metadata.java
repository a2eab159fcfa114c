/*
 * What a tool on pgjdbc sees of some schemas through DatabaseMetaData, one
 * line a fact, and what a query returns:
 *
 *	java -cp postgresql.jar test/bi/Metadata.java URL USER SCHEMA ...
 */
import java.sql.*;
import java.util.*;

public class Metadata {
	public static void main(String[] args) throws SQLException {
		try (Connection c = DriverManager.getConnection(args[0], args[1], "")) {
			DatabaseMetaData m = c.getMetaData();

			for (int i = 2; i < args.length; i++) {
				List<String> names = new ArrayList<>();

				try (ResultSet t = m.getTables(null, args[i], "%", new String[] {"TABLE", "VIEW", "PARTITIONED TABLE"})) {
					while (t.next()) {
						names.add(t.getString("TABLE_NAME"));
						System.out.println(String.join("|", "table", args[i], t.getString("TABLE_NAME"), t.getString("TABLE_TYPE"), mark(t.getString("REMARKS"))));
					}
				}
				try (ResultSet t = m.getColumns(null, args[i], "%", "%")) {
					while (t.next())
						if (names.contains(t.getString("TABLE_NAME")))
							System.out.println(String.join("|", "column", args[i], t.getString("TABLE_NAME"), t.getString("COLUMN_NAME"),
								t.getString("TYPE_NAME"), JDBCType.valueOf(t.getInt("DATA_TYPE")).toString(), mark(t.getString("REMARKS"))));
				}
				for (String name : names) {
					try (ResultSet t = m.getPrimaryKeys(null, args[i], name)) {
						while (t.next())
							System.out.println(String.join("|", "key", args[i], name, t.getString("COLUMN_NAME")));
					}
					try (ResultSet t = m.getImportedKeys(null, args[i], name)) {
						while (t.next())
							System.out.println(String.join("|", "reference", args[i], name, t.getString("FKCOLUMN_NAME"), t.getString("PKTABLE_NAME"), t.getString("PKCOLUMN_NAME")));
					}
				}
			}
			try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("SELECT policy, ndcg_at_10, users, evaluated_at FROM recsys.leaderboard ORDER BY place, policy")) {
				while (r.next())
					System.out.println(String.join("|", "row", r.getString(1), Double.toString(r.getDouble(2)), Long.toString(r.getLong(3)), r.getTimestamp(4) == null ? "no time" : "time"));
			}
		}
	}

	private static String mark(String remarks) {
		return remarks == null || remarks.isEmpty() ? "no comment" : "commented";
	}
}
